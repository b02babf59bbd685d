"""Where a case goes: decided from values only."""

from __future__ import annotations

import shapely

from libs.chassis.testing import NOON
from libs.contracts.words import Level, MemberKind, OrgKind, Place, Point, Registration
from services.dispatch.domain.calendar import Clock, Clocks, TimeUnit
from services.dispatch.domain.offering import candidates, choose
from services.dispatch.domain.responsibility import Responsibility
from services.dispatch.domain.routing import Assign, Routed, ToDesk, route_all
from services.dispatch.domain.street import Member, Street
from services.dispatch.domain.tree import GridTree, Unit
from services.dispatch.domain.workload import Workload

ROOT = "370784004"


def unit(code: str, level: Level, parent: str | None, name: str, aliases: tuple[str, ...] = ()) -> Unit:
    kind = dict(zip(Level, OrgKind, strict=True))[level]
    return Unit(code, level, parent, name, f"P{code}", kind, f"{name}党组织", aliases)


def row(category: str, start: Level = Level.MICRO_GRID, skills: frozenset[str] = frozenset()) -> Responsibility:
    clocks = Clocks(Clock(4, TimeUnit.WORK_HOUR), Clock(2, TimeUnit.WORK_DAY), Clock(1, TimeUnit.WORK_DAY))
    kind = dict(zip(Level, OrgKind, strict=True))[start]
    return Responsibility(
        category, "路灯不亮", "Lamp", "public_services", Registration.AUTOMATIC, start, kind, skills, clocks, "note", 5
    )


def member(number: int, at: str, skills: frozenset[str] = frozenset(), limit: int = 2) -> Member:
    return Member(f"M{number}", f"成员{number}", MemberKind.VOLUNTEER, at, f"P{at}", skills, limit)


UNITS = [
    unit(ROOT, Level.STREET, None, "凌河街道"),
    unit(f"{ROOT}01", Level.COMMUNITY, ROOT, "一社区"),
    unit(f"{ROOT}201", Level.GRID, f"{ROOT}01", "儒林村", ("儒林",)),
    unit(f"{ROOT}202", Level.GRID, f"{ROOT}01", "大儒林村", ("大儒林",)),
    unit(f"{ROOT}203", Level.GRID, f"{ROOT}01", "东村", ("老村",)),
    unit(f"{ROOT}204", Level.GRID, f"{ROOT}01", "西村", ("老村",)),
    unit(f"{ROOT}20101", Level.MICRO_GRID, f"{ROOT}201", "儒林一微"),
    unit(f"{ROOT}20102", Level.MICRO_GRID, f"{ROOT}201", "儒林二微"),
    unit(f"{ROOT}20201", Level.MICRO_GRID, f"{ROOT}202", "大儒林一微"),
]
BORDERS = {
    f"{ROOT}{code}": shapely.box(119 + at * 0.01, 36, 119 + (at + 1) * 0.01, 36.01)
    for at, code in enumerate(("20101", "20102", "20201"))
}
MEMBERS = [
    member(1, f"{ROOT}20101"),
    member(2, f"{ROOT}20101"),
    member(3, f"{ROOT}20102", frozenset({"plumber"})),
    member(4, f"{ROOT}20201", frozenset({"legal"})),
    member(5, f"{ROOT}01"),
]
STREET = Street(
    ROOT,
    GridTree.of(UNITS, BORDERS),
    {m.member_id: m for m in MEMBERS},
    {
        r.category: [r]
        for r in (row("11001"), row("16001", Level.COMMUNITY), row("11002", skills=frozenset({"plumber"})))
    },
)


def routed(category: str, *, point: tuple[float, float] | None = None, name: str | None = None) -> Assign | ToDesk:
    place = Place(point=Point(longitude=point[0], latitude=point[1]) if point else None, name=name)
    [decision] = route_all([Routed(category, place, NOON)], STREET)
    return decision


def test_a_point_inside_goes_to_the_micro_grid_that_holds_it() -> None:
    assert routed("11001", point=(119.015, 36.005)).unit.code == f"{ROOT}20102"


def test_a_case_on_a_border_goes_to_the_lower_code() -> None:
    assert routed("11001", point=(119.01, 36.005)).unit.code == f"{ROOT}20101"
    assert routed("11001", point=(119.02, 36.005)).unit.code == f"{ROOT}20102"


def test_a_point_just_outside_goes_to_the_nearest_and_says_how_far_it_was() -> None:
    decision = routed("11001", point=(119.005, 36.0118))
    assert decision.unit.code == f"{ROOT}20101"
    assert "200 m outside" in decision.because[0]


def test_a_point_far_outside_goes_to_the_street_desk() -> None:
    decision = routed("11001", point=(100.0, 20.0))
    assert isinstance(decision, ToDesk)
    assert decision.unit.code == ROOT


def test_a_point_outside_with_a_name_goes_by_the_name() -> None:
    decision = routed("11001", point=(100.0, 20.0), name="大儒林村东头")
    assert decision.unit.code == f"{ROOT}202"
    assert "outside" in decision.because[0]


def test_a_name_that_contains_another_is_not_taken_for_it() -> None:
    assert routed("11001", name="大儒林村委会旁").unit.code == f"{ROOT}202"
    assert routed("11001", name="儒林小学门口").unit.code == f"{ROOT}201"


def test_a_name_of_two_places_is_not_guessed() -> None:
    decision = routed("11001", name="老村")
    assert isinstance(decision, ToDesk)
    assert decision.because[0] == f"“老村” may be 东村 ({ROOT}203) or 西村 ({ROOT}204)"
    assert [(c.code, c.path) for c in decision.candidates] == [
        (f"{ROOT}203", "凌河街道 › 一社区 › 东村"),
        (f"{ROOT}204", "凌河街道 › 一社区 › 西村"),
    ]


def test_an_unknown_name_goes_to_the_desk_and_says_so() -> None:
    decision = routed("11001", name="别的地方")
    assert isinstance(decision, ToDesk)
    assert "别的地方" in decision.because[0]


def test_the_responsibility_list_says_at_which_level_a_case_starts() -> None:
    decision = routed("16001", point=(119.015, 36.005))
    assert decision.unit.code == f"{ROOT}01"
    assert decision.unit.level is Level.COMMUNITY


def test_a_category_without_a_row_goes_to_the_desk() -> None:
    decision = routed("99999", point=(119.015, 36.005))
    assert isinstance(decision, ToDesk)
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
