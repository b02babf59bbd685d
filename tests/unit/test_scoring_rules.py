"""The rules of points: what meets a rule, and which files are refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from libs.contracts.dispatch import OrderChecked
from services.scoring.rules.domain import EVENTS, Deed, earnings
from services.scoring.rules.rules_file import SHIPPED, RulesNotUsable, load
from tests.support.deeds import check_deed

RULES = load(SHIPPED)


def paid(deed: Deed) -> dict[str, tuple[str, int]]:
    return {e.rule.name: (e.earner.member_id, e.points) for e in earnings(deed, RULES)}


def test_a_passed_check_pays_the_handler_what_the_category_gives_and_the_checker_for_looking() -> None:
    assert paid(check_deed(points=7)) == {
        "handled_and_checked": ("M1", 7),
        "handled_on_time": ("M1", 1),
        "check_done": ("M9", 1),
    }


def test_a_late_order_has_no_bonus_for_time() -> None:
    assert "handled_on_time" not in paid(check_deed(on_time=False))


def test_ones_own_report_pays_the_handler_nothing() -> None:
    assert set(paid(check_deed(own_report=True))) == {"check_done"}


def test_a_failed_check_pays_only_the_checker() -> None:
    assert set(paid(check_deed(passed=False))) == {"check_done"}


def test_a_category_without_points_pays_only_what_rules_add() -> None:
    assert set(paid(check_deed(points=0))) == {"handled_on_time", "check_done"}


def test_the_rules_that_come_with_the_service_use_every_event_that_may_earn() -> None:
    assert {rule.event for rule in RULES.rules} == set(EVENTS)


CHECKED = OrderChecked.type_name()
FILE = SHIPPED.read_text("utf-8")
HEAD, *BLOCKS = FILE.split("[[rules]]")
"""What stands before the rules, and the rules one by one."""


def with_mistake(rule: str | None, old: str, new: str) -> str:
    """The file with a mistake in the rule of this name, or in what stands before all rules."""
    parts = {None: HEAD} | dict(zip((r.name for r in RULES.rules), BLOCKS, strict=True))
    assert old in parts[rule]
    parts[rule] = parts[rule].replace(old, new, 1)
    return "[[rules]]".join(parts.values())


def place_of(rule: str, field: str) -> str:
    """How a refusal names a field of a rule whose entry cannot be read: by where it stands in the file."""
    return f"rules.{[r.name for r in RULES.rules].index(rule)}.{field}"


VERSION = f"version = {RULES.version}\n"


@pytest.mark.parametrize(
    ("rule", "old", "new", "wrong"),
    [
        (None, VERSION, "version = 0\n", "version: must be 1 or more"),
        (None, '"奉献争先"]', "]", "dimensions: must have 5 entries at least"),
        (None, '"奉献争先"]', '"服务争先"]', "each of the five needs a name of its own"),
        (None, VERSION, "version = \n", "is no TOML"),
        ("handled_and_checked", '"治理争先"', '"别的"', "handled_and_checked: dimension must be one of 学习争先"),
        ("handled_and_checked", CHECKED, "wangge.dispatch.nothing.v1", f"event must be one of {CHECKED}"),
        ("handled_and_checked", "passed = true", "passed = false", "fair play needs passed = true"),
        ("handled_and_checked", '"category"', '"many"', place_of("handled_and_checked", "points")),
        ("handled_and_checked", "daily_cap", "weekly_cap", "weekly_cap: there is no such field here"),
        ("handled_on_time", '"handled_on_time"', '"check_done"', "check_done is there twice"),
        ("check_done", '"checker"', '"resident"', "must be one of handler, checker, helper, visitor, verifier"),
        ("check_done", "{}", "{ sunny = true }", "when knows on_time, own_report, passed for this event, not sunny"),
        ("check_done", '"check_done"', '"Check done"', place_of("check_done", "name")),
        ("reporter_satisfied", ", own_report = false", "", "fair play needs own_report = false"),
        ("reporter_satisfied", "points = 2", "points = 21", "daily_cap must be at least the points of one deed, 21"),
        ("reporter_satisfied", "points = 2", "points = true", place_of("reporter_satisfied", "points")),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_reason(
    rule: str | None, old: str, new: str, wrong: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.toml"
        file.write_text(with_mistake(rule, old, new), "utf-8")
        with pytest.raises(RulesNotUsable, match=r"rules\.toml") as refused:
            load(file)
    assert wrong in str(refused.value)


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(RulesNotUsable, match=r"nowhere\.toml: No such file"):
        load(Path("nowhere.toml"))
