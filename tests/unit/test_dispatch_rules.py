"""Routing rules and the responsibility list from a table: given where and what, which unit answers and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.contracts.reasons import Reason, Why, told
from libs.contracts.values import Level, OrgKind, Place, Point, RequestKind
from libs.sentences import Language
from services.dispatch.dry_run.domain import Replayed
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street.domain.rules import Rule, Rules
from services.dispatch.street.domain.street import Street
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

FIRST_MICRO, SECOND_MICRO, BIG_MICRO = f"{ROOT}20101", f"{ROOT}20102", f"{ROOT}20201"
RULIN, BIG_RULIN, EAST, COMMUNITY = f"{ROOT}201", f"{ROOT}202", f"{ROOT}203", f"{ROOT}01"
IN_FIRST, IN_BIG, FAR = (119.005, 36.005), (119.025, 36.005), (100.0, 20.0)


def rule(
    number: int,
    category: str = "",
    *,
    area: str = "",
    kind: RequestKind | None = None,
    within: str | None = None,
    to: str | None = None,
    to_org: OrgKind | None = None,
) -> Rule:
    return Rule(number, category, area, kind, within, to, to_org, f"note {number}")


RULED = replace(
    STREET,
    rules=Rules(
        [
            rule(40, "16", to_org=OrgKind.BRANCH),
            rule(10, "11002", to=EAST),
            rule(20, "11", within=BIG_RULIN, kind=RequestKind.PATROL, to_org=OrgKind.COMMUNITY_ORG),
            rule(30, area="public_services", kind=RequestKind.ERRAND, to_org=OrgKind.BRANCH),
        ]
    ),
)

TABLE: list[tuple[str, str, str | tuple[float, float], str, int | None, str]] = [
    # category, kind, where, unit, rule, one of the reasons
    ("11001", "snapshot", IN_FIRST, FIRST_MICRO, None, "starts at micro-grid"),
    ("11001", "snapshot", "大儒林村", BIG_RULIN, None, "“大儒林村” is"),
    ("11002", "snapshot", IN_FIRST, EAST, 10, "rule 10 (note 10) comes before the list"),
    ("11002", "patrol", IN_BIG, EAST, 10, "rule 10"),
    ("11002", "snapshot", FAR, EAST, 10, "outside of the street"),
    ("11002", "snapshot", "老村", EAST, 10, "“老村” may be"),
    ("11001", "patrol", IN_BIG, COMMUNITY, 20, "rule 20"),
    ("11001", "patrol", IN_FIRST, FIRST_MICRO, None, "starts at micro-grid"),
    ("11001", "patrol", "老村", ROOT, None, "“老村” may be"),
    ("11001", "errand", IN_FIRST, RULIN, 30, "rule 30"),
    ("16001", "snapshot", IN_FIRST, RULIN, 40, "rule 40"),
    ("16001", "errand", IN_BIG, BIG_RULIN, 30, "rule 30"),
    ("16001", "snapshot", FAR, ROOT, None, "outside of the street"),
    ("99999", "snapshot", IN_FIRST, ROOT, None, "not in the responsibility list"),
]


def asked(category: str, kind: str, where: str | tuple[float, float]) -> RoutingRequest:
    at = Place(name=where) if isinstance(where, str) else Place(point=Point(longitude=where[0], latitude=where[1]))
    return RoutingRequest(category, at, NOON, RequestKind(kind))


@pytest.mark.parametrize(("category", "kind", "where", "unit", "number", "said"), TABLE)
def test_the_first_rule_that_matches_decides_and_then_the_list(
    category: str, kind: str, where: str | tuple[float, float], unit: str, number: int | None, said: str
) -> None:
    [routed] = route_all([asked(category, kind, where)], RULED)
    assert routed.unit.code == unit
    assert (routed.rule if isinstance(routed, RoutedTo) else None) == number
    assert said in told(routed.because, Language.EN)
    assert isinstance(routed, Unrouted) == (unit == ROOT)


def test_where_point_and_name_disagree_the_point_decides_and_says_so() -> None:
    place = Place(point=Point(longitude=IN_FIRST[0], latitude=IN_FIRST[1]), name="大儒林村")
    [routed] = route_all([RoutingRequest("11001", place, NOON)], STREET)
    assert routed.unit.code == FIRST_MICRO
    meant = {"said": "大儒林村", "unit": "大儒林村", "code": BIG_RULIN}
    assert routed.because[1:3] == (Reason(Why.NAME_OF_UNIT, meant), Reason(Why.POINT_DECIDES))
    [agreeing] = route_all([RoutingRequest("11001", place.model_copy(update={"name": "儒林村"}), NOON)], STREET)
    assert Reason(Why.POINT_DECIDES) not in agreeing.because


def replayed(before: Street, after: Street, shown: int = 20) -> Replayed:
    cases = [(f"no-{n}", asked(category, kind, where)) for n, (category, kind, where, *_) in enumerate(TABLE)]
    found = Replayed(shown)
    found.add(cases[:5], before, after)
    found.add(cases[5:], before, after)
    return found


def test_a_replay_counts_what_would_go_elsewhere_and_tells_both_reasons() -> None:
    found = replayed(STREET, RULED)
    assert found.cases == len(TABLE)
    assert found.differing == sum(row[4] is not None for row in TABLE)
    assert found.units[FIRST_MICRO, EAST] == 1
    assert found.levels[Level.STREET, Level.GRID] == 2
    case = found.first[0]
    assert (case.case_no, case.before, case.after) == ("no-2", FIRST_MICRO, EAST)
    assert case.because_before[2].values["level"] == "micro_grid"
    assert (case.because_after[2].reason, case.because_after[2].values["rule"]) == (Why.RULE_FIRST, 10)
    assert len(replayed(STREET, RULED, shown=3).first) == 3


def test_a_replay_of_what_is_there_differs_nowhere() -> None:
    assert replayed(RULED, RULED).differing == 0
