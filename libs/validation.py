"""What is wrong with a value that a pydantic model refuses, in our words instead of the library's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from libs.sentences import Sentence, Unfit, counted

Context = Mapping[str, Any]


def _fixed(zh: str, en: str) -> Callable[[Context], Sentence]:
    return lambda _: Sentence(zh, en)


def _with(zh: str, en: str) -> Callable[[Context], Sentence]:
    """Sentences with the limits that pydantic names in braces."""
    return lambda limits: Sentence(zh.format(**limits), en.format(**limits))


def _at_least(zh: str, en: str) -> Callable[[Context], Sentence]:
    """So many characters or entries."""

    def said(limits: Context) -> Sentence:
        least = limits["min_length"]
        empty = Sentence("不能为空", "may not be empty")
        return empty if least == 1 else Sentence(f"至少要有 {least} {zh}", f"must have {counted(least, en)} at least")

    return said


def _at_most(zh: str, en: str) -> Callable[[Context], Sentence]:
    return lambda limits: Sentence(
        f"最多 {limits['max_length']} {zh}", f"may have {counted(limits['max_length'], en)} at most"
    )


def _one_of(limits: Context) -> Sentence:
    # Pydantic writes the list as English: 'a', 'b' or 'c'.
    expected = str(limits["expected"])
    values = expected.replace(" or ", ", ").replace("'", "")
    return Sentence(f"应为以下之一：{values.replace(', ', '、')}", f"must be one of {values}")


def _of_form(limits: Context) -> Sentence:
    pattern = str(limits["pattern"])
    return FORMS.get(pattern, Sentence(f"格式不对，应符合 {pattern}", f"is not of the form {pattern}"))


CLEAN = r"^[^\x00-\x1f\x7f]*$"
"""One line of words."""

NO_NUL = Sentence("不能含有字符 U+0000", "may not hold the character U+0000")
_CATEGORY = Sentence("应为五位数字的类别编码，如 11001", "must be the five digits of a category such as 11001")
_ADDRESS = Sentence("应为邮箱地址，如 wang@mail.example", "must be an e-mail address such as wang@mail.example")

FORMS: Mapping[str, Sentence] = {
    r"^[0-9]{9}$": Sentence(
        "应为九位数字的街道编码，如 370784004", "must be the nine digits of a street such as 370784004"
    ),
    r"^[0-9]{9,16}$": Sentence(
        "应为单元编码，即 9 至 16 位数字，如 37078400420103",
        "must be the code of a unit, 9 to 16 digits such as 37078400420103",
    ),
    r"^[0-9]{0,16}$": Sentence("应为单元编码，即数字", "must be the code of a unit, digits"),
    r"^[0-9]{5}$": _CATEGORY,
    r"^[0-9]{0,5}$": _CATEGORY,
    r"^[A-Za-z0-9_-]{1,32}$": Sentence(
        "应为 1 至 32 个字母、数字、连字符或下划线，如 M0001",
        "must be 1 to 32 letters, digits, dashes or underscores such as M0001",
    ),
    r"^[A-Za-z0-9_-]{1,40}$": Sentence(
        "应为 1 至 40 个字母、数字、连字符或下划线，如 L0001",
        "must be 1 to 40 letters, digits, dashes or underscores such as L0001",
    ),
    r"^[A-Za-z0-9._-]{1,64}$": Sentence(
        "应为系统名称，即 1 至 64 个字母、数字、点、连字符或下划线，如 hotline-12345",
        "must be the name of a system, 1 to 64 letters, digits, dots, dashes or underscores such as hotline-12345",
    ),
    r"^[A-Za-z0-9._-]{1,200}$": Sentence(
        "应为照片编号，即 1 至 200 个字母、数字、点、连字符或下划线",
        "must be the id of a photo, 1 to 200 letters, digits, dots, dashes or underscores",
    ),
    r"^[\x21-\x7e]{1,128}$": Sentence(
        "应为 1 至 128 个可见 ASCII 字符，没有空格", "must be 1 to 128 visible ASCII characters, without blanks"
    ),
    r"^[0-9]{8}-[0-9]{6,12}$": Sentence(
        "应为案件编号，如 20261123-000042", "must be the number of a case such as 20261123-000042"
    ),
    r"^(member|reporter|org):[A-Za-z0-9_-]{1,36}$": Sentence(
        "应为接收人，如 member:M0001 或 org:P0001", "must be a recipient such as member:M0001 or org:P0001"
    ),
    r"^[^\x00]*$": NO_NUL,
    CLEAN: Sentence("有换行或控制字符，应写成一行", "has a line break or a control character: write it in one line"),
    r"^[^\s@]+@[^\s@]+$": _ADDRESS,
    r"^([^@\s\x00]+@[^@\s\x00]+\.[^@\s.\x00]+)?$": _ADDRESS,
    r"^\+?[0-9 ()-]{5,31}$": Sentence(
        "应为电话号码，即 5 至 31 位数字，可有空格、括号和连字符",
        "must be a phone number, 5 to 31 digits, blanks, brackets or dashes",
    ),
    r"^https?://[\x21-\x7e]+$": Sentence(
        "应为以 http:// 或 https:// 开头的网址", "must be an address that begins with http:// or https://"
    ),
    r"^\d\d:\d\d:\d\d$": Sentence("应为时刻，如 08:30:00", "must be a time of day such as 08:30:00"),
    r"^[a-z][a-z0-9_]{0,31}$": Sentence(
        "应为 1 至 32 个小写字母、数字或下划线，以字母开头",
        "must be 1 to 32 small letters, digits or underscores, the first a letter",
    ),
}
"""What the patterns of fields that people fill in mean: nobody has to read a pattern."""

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
    "said_twice": _fixed("只能写一次", "may be said once"),
    "json_invalid": _fixed("不是有效的 JSON", "is no JSON"),
    "none_required": _fixed("应为空", "must be empty"),
    "enum": _one_of,
    "literal_error": _one_of,
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": _at_least("个字", "character"),
    "string_too_long": _at_most("个字", "character"),
    "string_pattern_mismatch": _of_form,
    "no_nul": lambda _: NO_NUL,
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
    "too_short": _at_least("项", "entry"),
    "too_long": _at_most("项", "entry"),
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
