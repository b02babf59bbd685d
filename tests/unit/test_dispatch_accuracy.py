"""A point that is only good to some metres: which units it may lie in, and how its order is passed on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.contracts.dispatch import OrderOffered, OrderPassedOn
from libs.contracts.reasons import Reason, Why, told
from libs.contracts.values import Level, OrgKind, Place, Point
from libs.sentences import Language
from services.dispatch.grid.domain.borders import NEAREST_METRES
from services.dispatch.orders.domain import escalation, work
from services.dispatch.orders.domain.correction import correct
from services.dispatch.orders.domain.offering import NewCase, dispatch
from services.dispatch.orders.domain.order import MOVES, Move, Order, Refusal, State, without
from services.dispatch.routing.domain import OTHERS_AT_MOST, RoutedTo, RoutingRequest, route_all
from services.dispatch.street.domain.rules import Rule, Rules
from services.dispatch.workload.domain import Workload
from tests.support.linghe_street import linghe
from tests.support.orders import LATER, M1, M2, M3, PLACE, changed, claimed
from tests.support.small_street import ROOT, STREET, routed, row
from tests.support.stage import NOON

DEGREE = 111_320.0 * 0.809
"""Metres of a degree of longitude at 36° north."""
FIRST, SECOND, THIRD = f"{ROOT}20101", f"{ROOT}20102", f"{ROOT}20201"
LEAD = STREET.members["M5"]
FREE = Workload()


def from_border(metres: float) -> tuple[float, float]:
    """So many metres to the west of the border between the first two micro-grids."""
    return 119.01 - metres / DEGREE, 36.005


def in_doubt(accuracy_m: float | None = 40.0, metres: float = 15.0) -> Order:
    longitude, latitude = from_border(metres)
    place = Place(point=Point(longitude=longitude, latitude=latitude, accuracy_m=accuracy_m))
    [to] = route_all([RoutingRequest("11001", place, NOON)], STREET)
    case = NewCase(M1_CASE, "20261123-000001", "11001", "路灯不亮", "路灯不亮", None, place)
    return dispatch(M1_CASE, case, to, STREET, FREE, NOON).order


M1_CASE = claimed().case_id


def test_where_the_circle_touches_another_unit_that_is_a_candidate_and_said_in_both_languages() -> None:
    decision = routed("11001", point=from_border(15), accuracy_m=40)
    assert isinstance(decision, RoutedTo)
    assert (decision.unit.code, decision.may_lie_in) == (FIRST, (FIRST, SECOND))
    assert decision.because[-2:] == (
        Reason(Why.POINT_ACCURACY, {"metres": 40, "count": 1}),
        Reason(Why.POINT_MAY_LIE_IN, {"unit": "儒林二微", "code": SECOND, "metres": 15}),
    )
    said = told(decision.because[-2:], Language.ZH), told(decision.because[-2:], Language.EN)
    assert said == (
        f"坐标精度约 40 米，范围内另有 1 个单元；也可能在儒林二微（{SECOND}），相距 15 米",
        "the point is good to about 40 m; other units that this touches: 1; "
        f"it may lie in 儒林二微 ({SECOND}), 15 m away, as well",
    )


@pytest.mark.parametrize("accuracy_m", [None, 0, 10, 14.9])
def test_where_the_circle_stays_within_the_unit_nothing_is_in_doubt(accuracy_m: float | None) -> None:
    decision = routed("11001", point=from_border(15), accuracy_m=accuracy_m)
    assert decision == routed("11001", point=from_border(15))
    assert isinstance(decision, RoutedTo)
    assert decision.may_lie_in == ()


def test_units_below_the_level_where_a_case_starts_are_no_candidates() -> None:
    decision = routed("16001", point=from_border(15), accuracy_m=40)
    assert decision == routed("16001", point=from_border(15))
    grids = replace(STREET, responsibilities={"11001": [row("11001", Level.GRID)]})
    inside = routed("11001", point=from_border(15), accuracy_m=40, street=grids)
    across = routed("11001", point=(119.02 + 15 / DEGREE, 36.005), accuracy_m=40, street=grids)
    assert isinstance(inside, RoutedTo)
    assert isinstance(across, RoutedTo)
    assert (inside.may_lie_in, across.may_lie_in) == ((), (f"{ROOT}202", f"{ROOT}201"))


def test_a_point_outside_of_all_may_lie_in_those_that_its_circle_touches() -> None:
    decision = routed("11001", point=(119.01 - 5 / DEGREE, 36.01 + 10 / 111_320), accuracy_m=40)
    assert isinstance(decision, RoutedTo)
    assert (decision.unit.code, decision.may_lie_in) == (FIRST, (FIRST, SECOND))


def test_a_rule_that_names_a_unit_leaves_no_doubt_and_one_that_names_a_level_does_at_that_level() -> None:
    to_unit = replace(STREET, rules=Rules([Rule(1, "11001", "", None, None, f"{ROOT}203", None, "供水")]))
    certain = routed("11001", point=from_border(15), accuracy_m=40, street=to_unit)
    assert isinstance(certain, RoutedTo)
    assert (certain.unit.code, certain.may_lie_in) == (f"{ROOT}203", ())
    to_level = replace(STREET, rules=Rules([Rule(1, "11001", "", None, None, None, OrgKind.BRANCH, "支部")]))
    across = routed("11001", point=(119.02 + 15 / DEGREE, 36.005), accuracy_m=40, street=to_level)
    assert isinstance(across, RoutedTo)
    assert (across.rule, across.may_lie_in) == (1, (f"{ROOT}202", f"{ROOT}201"))


@given(st.floats(119.0, 119.2), st.floats(36.25, 36.45), st.floats(0.1, 10_000))
def test_the_circle_touches_exactly_the_units_that_lie_as_near(x: float, y: float, metres: float) -> None:
    units = linghe().units
    touched = units.map.touched(x, y, metres)
    scale = 111_320.0 * max(float(np.cos(np.radians(y))), 0.01)
    here, most = shapely.Point(x * scale, y * 111_320.0), min(metres, NEAREST_METRES)
    distance = {
        at: shapely.transform(border, lambda xy: xy * [scale, 111_320.0]).distance(here)
        for at, border in enumerate(units.borders)
        if border is not None
    }
    found = {unit for unit, _ in touched}
    assert {at for at, far in distance.items() if far < most - 0.01} <= found
    assert found <= {at for at, far in distance.items() if far < most + 0.01}
    assert [away for _, away in touched] == sorted(away for _, away in touched)


def test_of_very_many_the_nearest_are_named_and_all_are_counted() -> None:
    decision = routed("11001", point=(119.1, 36.35), accuracy_m=10_000, street=of_linghe())
    assert isinstance(decision, RoutedTo)
    [accuracy] = [why for why in decision.because if why.reason == Why.POINT_ACCURACY]
    assert len(decision.may_lie_in) == 1 + min(OTHERS_AT_MOST, int(accuracy.values["count"]))
    assert decision.may_lie_in[0] == decision.unit.code


def of_linghe() -> Any:
    return replace(linghe(), responsibilities=STREET.responsibilities, rules=Rules([]))


@pytest.mark.parametrize("accuracy_m", [-1, 10_001, float("inf"), float("nan")])
def test_an_accuracy_is_of_no_less_than_0_and_no_more_than_10_000_metres(accuracy_m: float) -> None:
    with pytest.raises(ValidationError):
        Point(longitude=119, latitude=36, accuracy_m=accuracy_m)


def test_an_order_is_passed_on_to_a_candidate_in_one_move_and_back_in_another() -> None:
    order = changed(work.claim(in_doubt(), M1, 0, STREET, LATER)).order
    assert order.other_units == (SECOND,)
    there = changed(escalation.pass_on(order, M2, SECOND, "灯在路的另一侧", STREET, FREE, LATER))
    fact, offered = there.facts
    assert isinstance(fact, OrderPassedOn)
    assert isinstance(offered, OrderOffered)
    assert (fact.from_unit, fact.unit, fact.org_id, fact.taken_from) == (FIRST, SECOND, f"P{SECOND}", ("M1",))
    assert (there.order.state, there.order.member_id, there.order.unit) == (State.OFFERED, None, SECOND)
    assert there.order.handle_by == order.handle_by
    assert offered.offered_to[0] == "M3"
    assert there.order.other_units == (FIRST,)
    back = changed(escalation.pass_on(there.order, M3, FIRST, "查过，不在", STREET, FREE, LATER)).order
    assert (back.unit, back.other_units) == (FIRST, (SECOND,))


@pytest.mark.parametrize(
    ("member", "unit", "reason", "because"),
    [
        (M3, SECOND, "在对面", "answers for the order"),
        (None, SECOND, "在对面", "answers for the order"),
        (M2, SECOND, " ", "reason"),
        (M2, THIRD, "在对面", f"{THIRD} is out of reach of its point; it may be passed on to 儒林二微 ({SECOND})"),
        (M2, FIRST, "在对面", "out of reach"),
    ],
)
def test_an_order_is_not_passed_on(member: Any, unit: str, reason: str, because: str) -> None:
    refused = escalation.pass_on(in_doubt(), member, unit, reason, STREET, FREE, LATER)
    assert isinstance(refused, Refusal)
    assert because in refused.reason.en


def test_passing_on_is_offered_only_where_there_are_candidates() -> None:
    certain = escalation.pass_on(in_doubt(10), M2, SECOND, "在对面", STREET, FREE, LATER)
    assert isinstance(certain, Refusal)
    assert "no doubt" in certain.reason.en
    assert Move.PASS_ON not in [each.move for each in certain.allowed]
    doubtful = escalation.send_down(in_doubt(), M3, SECOND, "在对面", STREET, FREE, LATER)
    assert isinstance(doubtful, Refusal)
    assert Move.PASS_ON in [each.move for each in doubtful.allowed]
    impossible = work.start(in_doubt(10), M1, STREET, LATER)
    assert isinstance(impossible, Refusal)
    assert impossible.allowed == MOVES.allowed(State.OFFERED, without(in_doubt(10)))
    assert "转派" not in impossible.reason.zh


def test_a_point_that_is_corrected_to_an_exact_one_leaves_no_doubt() -> None:
    order = in_doubt()
    exact = NewCase.of(order, None, place=PLACE)
    [to] = route_all([RoutingRequest("11001", PLACE, LATER)], STREET)
    assert correct(order, exact, 1, "现场定位", to, STREET, FREE, LATER).order.other_units == ()
    vague = NewCase.of(claimed(), None, place=order.place)
    [to] = route_all([RoutingRequest("11001", order.place, LATER)], STREET)
    doubtful = correct(claimed(), vague, 1, "手机定位", to, STREET, FREE, LATER).order
    assert (doubtful.member_id, doubtful.other_units) == ("M1", (SECOND,))
    assert doubtful.because[-1] == Reason(Why.POINT_MAY_LIE_IN, {"unit": "儒林二微", "code": SECOND, "metres": 15})
