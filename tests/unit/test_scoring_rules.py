"""The rules of points: what meets a rule, and which files are refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from services.scoring.rules.domain import CHECKED, CONDITIONS, EARNERS, Deed, earnings
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
    assert {rule.event for rule in RULES.rules} == set(EARNERS) == set(CONDITIONS)


GOOD = SHIPPED.read_text("utf-8")
VERSION = f"version = {RULES.version}\n"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (VERSION, "version = 0\n", "version: must be 1 or more"),
        ('"奉献争先"]', "]", "dimensions: must have 5 entries at least"),
        ('"奉献争先"]', '"服务争先"]', "each of the five needs a name of its own"),
        ('dimension = "治理争先"', 'dimension = "别的"', "handled_and_checked: dimension must be one of 学习争先"),
        (CHECKED, "wangge.dispatch.nothing.v1", "event must be one of wangge.dispatch.checked.v1"),
        ('who = "checker"', 'who = "resident"', "must be one of handler, checker, helper, visitor, verifier"),
        ("when = {}", "when = { sunny = true }", "when knows on_time, own_report, passed for this event, not sunny"),
        ("satisfied = true, own_report = false", "satisfied = true", "fair play needs own_report = false"),
        ("passed = true, own_report", "passed = false, own_report", "fair play needs passed = true"),
        ('points = "category"', 'points = "many"', "rules.0.points"),
        ("points = 2", "points = 21", "daily_cap must be at least the points of one deed, 21"),
        ("points = 2", "points = true", "rules.3.points"),
        ('"handled_on_time"', '"check_done"', "check_done is there twice"),
        ('"check_done"', '"Check done"', "rules.2.name"),
        ("daily_cap = 60", "weekly_cap = 60", "weekly_cap: there is no such field here"),
        (VERSION, "version = \n", "is no TOML"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_reason(old: str, new: str, wrong: str) -> None:
    assert old in GOOD
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.toml"
        file.write_text(GOOD.replace(old, new, 1), "utf-8")
        with pytest.raises(RulesNotUsable, match=r"rules\.toml") as refused:
            load(file)
    assert wrong in str(refused.value)


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(RulesNotUsable, match=r"nowhere\.toml: No such file"):
        load(Path("nowhere.toml"))
