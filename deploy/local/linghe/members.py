"""The organisations and members of the demonstration street. Everybody here is made up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from deploy.local.linghe.grid_map import GridUnit, Level

OrgKind = Literal["street_committee", "community_org", "branch", "party_group"]
MemberKind = Literal["full_time", "party_member", "volunteer", "retired_cadre", "liaison", "lead"]

ORG_KINDS: dict[Level, OrgKind] = {
    "street": "street_committee",
    "community": "community_org",
    "grid": "branch",
    "micro_grid": "party_group",
}
SKILLS = ("electrician", "plumber", "legal", "mediator", "medical", "driver", "flood_rescue", "environment", "clerk")

MEMBERS = 2303
PARTY_MEMBERS = 1223
RETIRED_CADRES = 109
LEADS = 9
STREET_STAFF = 4
COMMUNITY_STAFF = 2
# So many of the published 1 223 serve as something else than party_member, beside the leads and liaisons.
FULL_TIME_IN_PARTY = 60
RETIRED_IN_PARTY = 89
# Together a community's two desk workers can do everything, and each holds the pairs that one category asks for.
DESK_SKILLS = (
    ("legal", "mediator", "medical", "clerk"),
    ("electrician", "plumber", "driver", "flood_rescue", "environment"),
)

SURNAMES = "王李张刘陈杨赵孙周吴徐朱马胡郭林何高梁郑宋谢韩唐冯于董程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎潘杜戴夏"
SYLLABLES = "安宁禾松竹梅晴川岭园桥月星秋春雨舟青云溪泉朗清和悦嘉禄祥顺丰茂盛康乐善诚敏慧静秀兰芳桂莲柏树峰岩海波涛洋"


@dataclass(frozen=True, slots=True)
class PartyOrg:
    org_id: str
    kind: OrgKind
    unit: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    member_id: str
    name: str
    kind: MemberKind
    unit: str
    org_id: str
    skills: tuple[str, ...]
    workload_limit: int
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat to fill: who of which kind serves where, and what they can do."""

    unit: str
    kind: MemberKind
    skills: tuple[str, ...] = ()


def build_organisations(units: Sequence[GridUnit]) -> tuple[PartyOrg, ...]:
    return tuple(PartyOrg(org_id(unit.code), ORG_KINDS[unit.level], unit.code, _org_name(unit)) for unit in units)


def org_id(unit_code: str) -> str:
    return f"P{unit_code}"


def _org_name(unit: GridUnit) -> str:
    match unit.level:
        case "street":
            return f"{unit.name}党工委"
        case "community":
            return f"{unit.name}党组织"
        case "grid":
            return f"{unit.name.removesuffix('网格')}党支部"
        case "micro_grid":
            return f"{unit.name.replace('微网格', '网格')}党小组"


def build_members(units: Sequence[GridUnit], rng: Random) -> tuple[Member, ...]:
    """2 303 members from the street's leads down to the micro-grids, of whom each has at least two."""
    seats = [*_desk_seats(units), *_grid_seats(units, rng)]
    return tuple(
        Member(
            member_id=f"M{number:04d}",
            name=rng.choice(SURNAMES) + "".join(rng.sample(SYLLABLES, rng.choice((1, 2, 2)))),
            kind=seat.kind,
            unit=seat.unit,
            org_id=org_id(seat.unit),
            skills=seat.skills,
            workload_limit=rng.randint(3, 6),
            email=f"m{number:04d}@linghe.example",
            language="en" if rng.random() < 0.02 else "zh",
        )
        for number, seat in enumerate(seats, start=1)
    )


def _desk_seats(units: Sequence[GridUnit]) -> Iterator[Seat]:
    street = next(unit for unit in units if unit.level == "street")
    for number in range(LEADS):
        yield Seat(street.code, "lead", (SKILLS[number % len(SKILLS)],))
    for number in range(STREET_STAFF):
        yield Seat(street.code, "full_time", DESK_SKILLS[number % len(DESK_SKILLS)])
    for community in (unit for unit in units if unit.level == "community"):
        for number in range(COMMUNITY_STAFF):
            yield Seat(community.code, "full_time", DESK_SKILLS[number])


def _grid_seats(units: Sequence[GridUnit], rng: Random) -> list[Seat]:
    """Every grid its worker, every village its liaison, every micro-grid a party member and one more."""
    grids = [unit for unit in units if unit.level == "grid"]
    micro_grids = [unit for unit in units if unit.level == "micro_grid"]
    served: dict[str, list[tuple[str, MemberKind]]] = {grid.code: [(grid.code, "full_time")] for grid in grids}
    for grid in _villages(units):
        served[grid.code].append((grid.code, "liaison"))
    first: list[MemberKind] = ["party_member"] * len(micro_grids)
    second, more = _kinds_in_micro_grids(units, rng)
    for kinds, where in (
        (first, micro_grids),
        (second, micro_grids),
        (more, rng.choices(micro_grids, k=len(more))),
    ):
        for micro, kind in zip(where, kinds, strict=True):
            served[micro.parent or ""].append((micro.code, kind))
    return [seat for seats in served.values() for seat in _with_skills(seats, rng)]


def _villages(units: Sequence[GridUnit]) -> list[GridUnit]:
    return [unit for unit in units if unit.level == "grid" and len(unit.code) == 12]


def _kinds_in_micro_grids(units: Sequence[GridUnit], rng: Random) -> tuple[list[MemberKind], list[MemberKind]]:
    """The second member of every micro-grid, and those beyond two, so that the street's totals come out exactly."""
    size = {level: sum(unit.level == level for unit in units) for level in ORG_KINDS}
    villages, micro_grids = len(_villages(units)), size["micro_grid"]
    elsewhere = LEADS + STREET_STAFF + COMMUNITY_STAFF * size["community"] + size["grid"] + villages
    in_party = PARTY_MEMBERS - LEADS - villages - FULL_TIME_IN_PARTY - RETIRED_IN_PARTY
    others = MEMBERS - elsewhere - in_party
    kinds: list[MemberKind] = ["retired_cadre"] * RETIRED_CADRES
    kinds += ["volunteer"] * (others - RETIRED_CADRES)
    rng.shuffle(kinds)
    second, more = kinds[:micro_grids], kinds[micro_grids:]
    more += ["party_member"] * (in_party - micro_grids)
    return second, more


def _with_skills(seats: Iterable[tuple[str, MemberKind]], rng: Random) -> Iterator[Seat]:
    """Deals the skills a grid has over its members; legal and medical are the rare ones, some members have none."""
    deck = [skill for skill in SKILLS if rng.random() < {"legal": 0.4, "medical": 0.6}.get(skill, 0.95)]
    rng.shuffle(deck)
    in_random_order = list(seats)
    rng.shuffle(in_random_order)
    for number, (unit, kind) in enumerate(in_random_order):
        skills = deck[number : number + 1]
        if rng.random() < 0.25:
            skills = sorted({*skills, rng.choice(deck)}, key=SKILLS.index)
        yield Seat(unit, kind, tuple(skills))
