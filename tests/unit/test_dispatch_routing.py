"""Where a case goes: decided from values only."""

from __future__ import annotations

from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Level
from services.dispatch.orders.domain.offering import candidates, choose
from services.dispatch.routing.domain import Unrouted
from services.dispatch.workload.domain import Workload
from tests.support.small_street import ROOT, STREET, routed


def test_a_point_inside_goes_to_the_micro_grid_that_holds_it() -> None:
    assert routed("11001", point=(119.015, 36.005)).unit.code == f"{ROOT}20102"


def test_a_case_on_a_border_goes_to_the_lower_code() -> None:
    assert routed("11001", point=(119.01, 36.005)).unit.code == f"{ROOT}20101"
    assert routed("11001", point=(119.02, 36.005)).unit.code == f"{ROOT}20102"


def test_a_point_just_outside_goes_to_the_nearest_and_says_how_far_it_was() -> None:
    decision = routed("11001", point=(119.005, 36.0118))
    assert decision.unit.code == f"{ROOT}20101"
    near: dict[str, str | int] = {"unit": "儒林一微", "code": f"{ROOT}20101", "metres": 200}
    assert decision.because[0] == Reason(Why.POINT_NEAR, near)


def test_a_point_far_outside_goes_to_the_street_desk() -> None:
    decision = routed("11001", point=(100.0, 20.0))
    assert isinstance(decision, Unrouted)
    assert decision.unit.code == ROOT


def test_a_point_outside_with_a_name_goes_by_the_name() -> None:
    decision = routed("11001", point=(100.0, 20.0), name="大儒林村东头")
    assert decision.unit.code == f"{ROOT}202"
    assert decision.because[0] == Reason(Why.POINT_OUTSIDE)


def test_a_name_that_contains_another_is_not_taken_for_it() -> None:
    assert routed("11001", name="大儒林村委会旁").unit.code == f"{ROOT}202"
    assert routed("11001", name="儒林小学门口").unit.code == f"{ROOT}201"


def test_a_name_of_two_places_is_not_guessed() -> None:
    decision = routed("11001", name="老村")
    assert isinstance(decision, Unrouted)
    assert decision.because[:3] == (
        Reason(Why.NAME_AMBIGUOUS, {"said": "老村", "count": 2}),
        Reason(Why.NAME_OF_UNIT, {"said": "老村", "unit": "东村", "code": f"{ROOT}203"}),
        Reason(Why.NAME_OF_UNIT, {"said": "老村", "unit": "西村", "code": f"{ROOT}204"}),
    )
    assert [(c.code, c.path) for c in decision.candidates] == [
        (f"{ROOT}203", "凌河街道 › 一社区 › 东村"),
        (f"{ROOT}204", "凌河街道 › 一社区 › 西村"),
    ]


def test_an_unknown_name_goes_to_the_desk_and_says_so() -> None:
    decision = routed("11001", name="别的地方")
    assert isinstance(decision, Unrouted)
    assert decision.because[0] == Reason(Why.NAME_UNKNOWN, {"said": "别的地方"})


def test_the_responsibility_list_says_at_which_level_a_case_starts() -> None:
    decision = routed("16001", point=(119.015, 36.005))
    assert decision.unit.code == f"{ROOT}01"
    assert decision.unit.level is Level.COMMUNITY


def test_a_category_without_a_row_goes_to_the_desk() -> None:
    decision = routed("99999", point=(119.015, 36.005))
    assert isinstance(decision, Unrouted)
    assert decision.responsibility is None


def test_members_of_the_unit_are_nearer_than_those_of_the_grid_and_the_community() -> None:
    assert candidates(f"{ROOT}20102", frozenset(), STREET) == ("M3", "M1", "M2", "M5", "M4")


def test_a_skill_that_is_asked_for_comes_before_nearness() -> None:
    assert candidates(f"{ROOT}20101", frozenset({"plumber"}), STREET) == ("M3",)
    assert candidates(f"{ROOT}20101", frozenset({"diver"}), STREET)[:2] == ("M1", "M2")


def test_members_at_their_workload_limit_are_passed_over_while_others_are_free() -> None:
    assert choose(["M1", "M2", "M3"], STREET, Workload({"M1": 2})) == ("M2", "M3")
    assert choose(["M1", "M2"], STREET, Workload({"M1": 2, "M2": 2})) == ("M1", "M2")
    assert choose(["M1", "M2"], STREET, Workload(), without=["M1"]) == ("M2",)
