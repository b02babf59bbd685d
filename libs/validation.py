"""What is wrong with a value that a pydantic model refuses, in our words instead of the library's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from libs.sentences import Sentence, Unfit

Context = Mapping[str, Any]


def _fixed(zh: str, en: str) -> Callable[[Context], Sentence]:
    return lambda _: Sentence(zh, en)


def _with(zh: str, en: str) -> Callable[[Context], Sentence]:
    """Sentences with the limits that pydantic names in braces."""
    return lambda limits: Sentence(zh.format(**limits), en.format(**limits))


def _one_of(limits: Context) -> Sentence:
    # Pydantic writes the list as English: 'a', 'b' or 'c'.
    expected = str(limits["expected"])
    values = expected.replace(" or ", ", ").replace("'", "")
    return Sentence(f"应为以下之一：{values.replace(', ', '、')}", f"must be one of {values}")


_NUMBER = _fixed("应为数字", "must be a number")
_WHOLE = _fixed("应为整数", "must be a whole number")
_TEXT = _fixed("应为文字", "must be text")
_YES_OR_NO = _fixed("应为 true 或 false", "must be true or false")
_DAY = _fixed("应为日期，如 2027-01-31", "must be a day such as 2027-01-31")
_MOMENT = _fixed(
    "应为带时区的时间，如 2027-01-31T08:30:00+08:00（网址中的 + 写作 %2B）",
    "must be a time with its offset such as 2027-01-31T08:30:00+08:00 (in an address, send + as %2B)",
)
_TIME = _fixed("应为时刻，如 08:30", "must be a time of day such as 08:30")
_ID = _fixed(
    "应为编号（UUID），如 0198c2f0-6b1e-7c3a-9f00-3f6f6f0c7a11",
    "must be an id (UUID) such as 0198c2f0-6b1e-7c3a-9f00-3f6f6f0c7a11",
)
_LIST = _fixed("应为列表", "must be a list")
_OBJECT = _fixed("应为对象，即由花括号括起的字段", "must be an object, fields between braces")

SENTENCES: Mapping[str, Callable[[Context], Sentence]] = {
    "missing": _fixed("不能缺少", "is needed"),
    "extra_forbidden": _fixed("这里没有这个字段", "there is no such field here"),
    "json_invalid": _fixed("不是有效的 JSON", "is no JSON"),
    "none_required": _fixed("应为空", "must be empty"),
    "enum": _one_of,
    "literal_error": _one_of,
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": _with("至少要有 {min_length} 个字", "must have {min_length} characters at least"),
    "string_too_long": _with("最多 {max_length} 个字", "may have {max_length} characters at most"),
    "string_pattern_mismatch": _with("格式不对，应符合 {pattern}", "is not of the form {pattern}"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _fixed("数字太大", "is too large a number"),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "greater_than": _with("应大于 {gt}", "must be more than {gt}"),
    "greater_than_equal": _with("不能小于 {ge}", "must be {ge} or more"),
    "less_than": _with("应小于 {lt}", "must be less than {lt}"),
    "less_than_equal": _with("不能大于 {le}", "must be {le} or less"),
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "timezone_aware": _MOMENT,
    "time_type": _TIME,
    "time_parsing": _TIME,
    "uuid_type": _ID,
    "uuid_parsing": _ID,
    "uuid_version": _ID,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "too_short": _with("至少要有 {min_length} 项", "must have {min_length} entries at least"),
    "too_long": _with("最多 {max_length} 项", "may have {max_length} entries at most"),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "union_tag_not_found": _with("缺少 {discriminator}", "needs {discriminator}"),
    "union_tag_invalid": lambda limits: _one_of({"expected": limits["expected_tags"]}),
}
"""By pydantic's name of the error."""

OTHERWISE = Sentence("这个值不能用", "cannot be taken")


def sentence_of(error: Mapping[str, Any]) -> Sentence:
    """What is wrong, of one of the errors of a ValidationError; without the value, which may be personal."""
    limits = error.get("ctx", {})
    if error["type"] in ("value_error", "assertion_error"):
        reason = limits.get("error")
        return reason.sentence if isinstance(reason, Unfit) else Sentence(OTHERWISE.zh, str(reason))
    said = SENTENCES.get(error["type"])
    return said(limits) if said else OTHERWISE
