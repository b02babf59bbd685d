"""What a model refuses is said in our words, in both languages; the language is the one that the browser asks for."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from libs.contracts.values import Level
from libs.sentences import Language, Unfit
from libs.validation import OTHERWISE, sentence_of


def _even(value: int) -> int:
    if value % 2:
        raise Unfit("应为偶数", "must be even")
    return value


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(min_length=2, max_length=3, pattern="^[a-z]*$")] = "ab"
    whole: Annotated[int, Field(ge=1, le=9)] = 1
    between: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    yes: Annotated[bool, Field(strict=True)] = True
    level: Level = Level.GRID
    word: Literal["a", "b"] = "a"
    day: date = date(2026, 1, 1)
    at: AwareDatetime | None = None
    id: UUID | None = None
    code: Annotated[str, Field(pattern=r"^[0-9]{5}$")] = "11001"
    entries: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    even: Annotated[int, AfterValidator(_even)] = 2
    needed: int
    part: Everything | None = None


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"text": 1}, "应为文字", "must be text"),
    ({"text": "a"}, "至少要有 2 个字", "must have 2 characters at least"),
    ({"text": "abcd"}, "最多 3 个字", "may have 3 characters at most"),
    ({"text": "AB"}, "格式不对，应符合 ^[a-z]*$", "is not of the form ^[a-z]*$"),
    ({"whole": "many"}, "应为整数", "must be a whole number"),
    ({"whole": 1.5}, "应为整数", "must be a whole number"),
    ({"whole": 0}, "不能小于 1", "must be 1 or more"),
    ({"whole": 10}, "不能大于 9", "must be 9 or less"),
    ({"between": 0}, "应大于 0.0", "must be more than 0.0"),
    ({"between": 1}, "应小于 1.0", "must be less than 1.0"),
    ({"between": float("nan")}, "应为数字", "must be a number"),
    ({"yes": "yes"}, "应为 true 或 false", "must be true or false"),
    (
        {"level": "村"},
        "应为以下之一：street、community、grid、micro_grid",
        "must be one of street, community, grid, micro_grid",
    ),
    ({"word": "c"}, "应为以下之一：a、b", "must be one of a, b"),
    ({"day": "2026-02-30"}, "应为日期，如 2027-01-31", "must be a day such as 2027-01-31"),
    ({"at": "2026-01-01T00:00:00"}, None, None),  # type: ignore[list-item]
    ({"id": "x"}, None, None),  # type: ignore[list-item]
    ({"entries": []}, "不能为空", "may not be empty"),
    ({"code": "110"}, "应为五位数字的类别编码，如 11001", "must be the five digits of a category such as 11001"),
    ({"entries": [1, 2, 3]}, "最多 2 项", "may have 2 entries at most"),
    ({"entries": 1}, "应为列表", "must be a list"),
    ({"even": 3}, "应为偶数", "must be even"),
    ({"needed": None}, "应为整数", "must be a whole number"),
    ({"part": 1}, "应为对象，即由花括号括起的字段", "must be an object, fields between braces"),
    ({"photo": "x"}, "这里没有这个字段", "there is no such field here"),
]


@pytest.mark.parametrize(("fields", "zh", "en"), WRONG)
def test_a_refused_value_is_said_in_our_words(fields: dict[str, Any], zh: str | None, en: str | None) -> None:
    with pytest.raises(ValidationError) as error:
        Everything.model_validate({"needed": 1, **fields})
    [wrong] = error.value.errors()
    said = sentence_of(wrong)
    assert said != OTHERWISE
    assert wrong["msg"] not in said.en
    if en is not None:
        assert (said.zh, said.en) == (zh, en)


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValidationError) as error:
        Everything.model_validate({})
    assert sentence_of(error.value.errors()[0]).en == "is needed"


def test_an_unknown_kind_of_refusal_shows_no_library_s_words() -> None:
    assert sentence_of({"type": "url_parsing", "loc": ("x",), "msg": "Input should be a valid URL"}) == OTHERWISE


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("fr, de;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH", "zh"),
        ("en-GB, zh;q=0.5", "en"),
        ("en;q=0.3, zh-Hans;q=0.7", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=abc, en", "en"),
        ("zh;level=1", "zh"),
    ],
)
def test_the_language_is_the_one_that_is_liked_better(header: str, language: str) -> None:
    assert Language.accepted(header) == language
