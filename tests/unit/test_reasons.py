"""The reasons of a decision: each has words in both languages, made of the same values."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from libs.contracts.reasons import WORDS, Explanation, Reason, ReasonView, Why, told
from libs.contracts.values import LEVELS_ZH, Level
from libs.sentences import Language


def values_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("why", Why)
def test_both_languages_say_the_same_values(why: Why) -> None:
    words = WORDS[why]
    assert values_of(words.zh) == values_of(words.en)
    assert words.zh != words.en


def test_every_level_has_a_word() -> None:
    assert set(LEVELS_ZH) == set(Level)
    starts = {"category": "路灯", "level": "micro_grid", "unit": "大儒林一微", "code": "37078400420101"}
    reason = Reason(Why.STARTS_AT, starts)
    assert reason.zh == "路灯从微网格办起：大儒林一微（37078400420101）"
    assert reason.en == "路灯 starts at micro-grid: 大儒林一微 (37078400420101)"


def test_what_somebody_wrote_is_no_template() -> None:
    wrote = [Reason(Why.CORRECTED, {"reason": "写作{unit}"}), Reason(Why.POINT_OUTSIDE)]
    assert told(wrote, Language.ZH) == "案件已更正：写作{unit}；坐标不在本街道内"
    assert told(wrote, Language.EN) == "corrected: 写作{unit}; the point lies outside of the street"


def test_a_reason_is_kept_as_data_and_read_as_it_was() -> None:
    reasons: Explanation = (Reason(Why.POINT_OUTSIDE), Reason(Why.NAME_UNKNOWN, {"said": "别处"}))
    kept = to_json(reasons)
    assert from_json(kept) == [
        {"reason": "point_outside", "values": {}},
        {"reason": "name_unknown", "values": {"said": "别处"}},
    ]
    assert TypeAdapter(Explanation).validate_json(kept) == reasons


def test_of_a_reason_that_a_newer_service_gives_the_name_is_shown() -> None:
    shown = ReasonView.model_validate(Reason("moon_is_full", {"level": 3}), from_attributes=True)
    assert (shown.zh, shown.en, shown.values) == ("moon_is_full", "moon_is_full", {"level": 3})


def test_the_page_on_routing_names_each_reason_and_its_values() -> None:
    page = (Path(__file__).parents[2] / "docs/routing.md").read_text()
    for why in Why:
        named = re.search(rf"`{why}`(?:[^(|]*\(([^)]*)\))?", page)
        assert named, why
        assert values_of(WORDS[why].en) <= set(re.findall(r"`(\w+)`", named[1] or "")), why
