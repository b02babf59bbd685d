"""A working morning of the demonstration street: who reports what, where and when, and what people then do about it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import hypot
from random import Random
from typing import Literal, TypeVar, cast

from deploy.local.linghe.grid_map import GridUnit, Point, outer_edges
from deploy.local.linghe.street import LINGHE, Street

Via = Literal["http", "nats"]
RequestKind = Literal["snapshot", "service_order", "errand", "patrol", "referral", "proposal"]
Lies = Literal["inside", "near", "far", "named", "unknown_name"]
Outcome = Literal[
    "handled",
    "returned_first",
    "check_fails_first",
    "nobody_claims",
    "lapses",
    "everybody_returns",
    "raised",
    "sent_down",
    "passed_on",
    "survives",
    "merged",
    "takes_wrongly",
    "unmerged",
    "voided",
    "extended",
    "refused",
    "suspended",
    "appealed",
    "supervised",
    "absent",
    "dissatisfied_twice",
    "corrected",
    "questioned",
    "withdrawn",
    "followed",
    "helped",
    "helped_late",
    "proposed",
    "accepted",
    "declined",
]

Key = TypeVar("Key", bound=str)

TEXTS = LINGHE / "report-texts.csv"

SENDERS: dict[str, tuple[int, Via]] = {
    "resident-app": (54, "http"),
    "patrol-app": (16, "http"),
    "hotline-12345": (10, "nats"),
    "chat-bot": (10, "nats"),
    "sensor": (10, "nats"),
}
PEOPLE = ("resident-app", "hotline-12345", "chat-bot")
RESIDENTS = 240
OUTCOMES: dict[Outcome, int] = {"handled": 82, "returned_first": 7, "check_fails_first": 7, "nobody_claims": 4}
# Of all reports; the rest gives a point inside a micro-grid, as sensors and patrols always do.
NEAR_SHARE, FAR_SHARE, UNKNOWN_NAME_SHARE, NAMED_SHARE = 0.03, 0.01, 0.01, 0.30
NEAR_DEGREES = (0.001, 0.0016)  # about 90 to 180 metres here
FAR_PLACES: tuple[Point, ...] = ((119.62, 36.81), (118.51, 36.02), (120.38, 36.07), (116.99, 36.67))
UNKNOWN_PLACES = ("青石桥头", "老粮站对面", "北大坑沿", "三棵槐", "油坊胡同口", "旧戏台")
# Names that contain one another, asked for more often than chance would.
CONFUSABLE = ("儒林", "大儒林", "小儒林", "前儒林", "西儒林", "光甫", "前光甫", "店子", "东店子", "西店子")
PHONE_NUMBER = "13800000000"


@dataclass(frozen=True, slots=True)
class PlannedReport:
    """One report and the script of what follows.

    `expected_unit` is the micro-grid that holds `point` or the grid that `place_name` names, None where neither does.
    `retries` is how often the sender sends the same again. `at_fraction` is the time within the morning, 0 to 1.
    `at_home_in`: how long after the report who asks for an errand is at home.
    """

    sender: str
    idempotency_key: str
    via: Via
    retries: int
    request_kind: RequestKind
    category: str
    text: str
    point: Point | None
    place_name: str | None
    lies: Lies
    expected_unit: str | None
    contact_email: str | None
    contact_webhook: str | None
    reported_by_member: str | None
    at_fraction: float
    outcome: Outcome
    satisfied: bool | None
    documents: tuple[str, ...] = ()
    at_home_in: timedelta = timedelta(hours=1)
    same_as: str | None = None
    """Key of the report that was made of the same matter before."""
    met_before: timedelta = timedelta(seconds=30)
    """How long the meeting is over that hears of a proposal, when its minutes are recorded."""
    accuracy_m: float | None = None
    """As the phone says it."""


@dataclass(frozen=True, slots=True)
class Location:
    point: Point | None
    place_name: str | None
    lies: Lies
    expected_unit: str | None
    called: str


@dataclass(frozen=True, slots=True)
class Wording:
    category: str
    request_kind: RequestKind
    text: str
    documents: tuple[str, ...]


def plan_morning(street: Street, count: int = 600, seed: int = 1) -> list[PlannedReport]:
    """`count` reports in the order in which they are sent; the same list for the same street, count and seed."""
    rng = Random(seed)
    places = PlaceChoice(street)
    wordings = _wordings_by_sender()
    senders = _spread({sender: weight for sender, (weight, _) in SENDERS.items()}, count, rng)
    outcomes = _spread(OUTCOMES, count, rng)
    times = sorted(round(rng.random(), 4) for _ in range(count))
    where = _where(senders, rng)
    reports = []
    for number, (sender, outcome, at_fraction, lies) in enumerate(zip(senders, outcomes, times, where, strict=True), 1):
        wording = rng.choice(wordings[sender])
        location = places.draw(lies, rng)
        reports.append(
            PlannedReport(
                sender=sender,
                idempotency_key=f"{sender}-{number:06d}",
                via=SENDERS[sender][1],
                retries=rng.choices((0, 1, 2), weights=(90, 7, 3))[0],
                request_kind=wording.request_kind,
                category=wording.category,
                text=_text(sender, wording, location, rng),
                point=location.point,
                place_name=location.place_name,
                lies=location.lies,
                expected_unit=location.expected_unit,
                contact_email=_contact_email(sender, rng),
                contact_webhook=None,
                reported_by_member=places.member_at(location, rng) if sender == "patrol-app" else None,
                at_fraction=at_fraction,
                outcome=outcome,
                satisfied=_satisfied(sender, outcome, rng),
                documents=wording.documents,
            )
        )
    return reports


class PlaceChoice:
    """Draws places to report from, in and around the street."""

    def __init__(self, street: Street) -> None:
        self._grids = {unit.code: unit for unit in street.units if unit.level == "grid"}
        self._micro_grids = [unit for unit in street.units if unit.level == "micro_grid"]
        self._edges = outer_edges(self._micro_grids)
        self._names = [(alias, grid) for grid in self._grids.values() for alias in grid.aliases]
        self._confusable = [(alias, grid) for alias, grid in self._names if alias in CONFUSABLE]
        self._members: dict[str, list[str]] = {}
        for member in street.members:
            self._members.setdefault(member.unit, []).append(member.member_id)

    def draw(self, lies: Lies, rng: Random) -> Location:
        match lies:
            case "inside":
                micro = rng.choice(self._micro_grids)
                return Location(_inside(micro, rng), None, lies, micro.code, self._grids[micro.parent or ""].aliases[0])
            case "near":
                return Location(_beside(rng.choice(self._edges), rng), None, lies, None, "街道边上")
            case "far":
                return Location(rng.choice(FAR_PLACES), None, lies, None, "国道边")
            case "named":
                name, grid = rng.choice(self._confusable if rng.random() < 0.2 else self._names)
                return Location(None, name, lies, grid.code, name)
            case "unknown_name":
                name = rng.choice(UNKNOWN_PLACES)
                return Location(None, name, lies, None, name)

    def member_at(self, location: Location, rng: Random) -> str:
        """Somebody who serves in the micro-grid the report is from."""
        return rng.choice(self._members[location.expected_unit or ""])


def _wordings_by_sender() -> dict[str, list[Wording]]:
    wordings: dict[str, list[Wording]] = {}
    for row in csv.DictReader(TEXTS.read_text(encoding="utf-8").splitlines()):
        kind = cast(RequestKind, row["request_kind"])
        documents = tuple(row["documents"].split("、")) if row["documents"] else ()
        wordings.setdefault(row["sender"], []).append(Wording(row["category"], kind, row["text"], documents))
    return wordings


def _spread(weights: Mapping[Key, int], count: int, rng: Random) -> list[Key]:
    """`count` keys in random order, as many of each as its weight says to the nearest whole."""
    total = sum(weights.values())
    keys = [key for key, weight in weights.items() for _ in range(count * weight // total)]
    keys += rng.choices(list(weights), k=count - len(keys))
    rng.shuffle(keys)
    return keys


def _where(senders: Sequence[str], rng: Random) -> list[Lies]:
    """Phones give a point, right or wrong; the hotline and the chat bot know only names, some residents too."""
    count = len(senders)
    lies: list[Lies] = ["inside"] * count
    phones = [number for number, sender in enumerate(senders) if sender == "resident-app"]
    rng.shuffle(phones)
    callers = [number for number, sender in enumerate(senders) if sender in ("hotline-12345", "chat-bot")]
    near, far, unknown = (round(share * count) for share in (NEAR_SHARE, FAR_SHARE, UNKNOWN_NAME_SHARE))
    named = max(round(NAMED_SHARE * count) - len(callers), unknown)
    for number in [*callers, *phones[near + far : near + far + named]]:
        lies[number] = "named"
    for number in phones[near + far : near + far + unknown]:
        lies[number] = "unknown_name"
    for position, number in enumerate(phones[: near + far]):
        lies[number] = "near" if position < near else "far"
    return lies


def _text(sender: str, wording: Wording, location: Location, rng: Random) -> str:
    """Now and then somebody writes a number into the text, which the intake has to take out."""
    text = wording.text.format(place=location.called)
    if sender in PEOPLE and rng.random() < 0.03:
        return f"{text}请打{PHONE_NUMBER}联系我。"
    return text


def _contact_email(sender: str, rng: Random) -> str | None:
    if sender in PEOPLE and rng.random() < 0.93:
        return f"r{rng.randint(1, RESIDENTS):04d}@residents.example"
    return None


def _satisfied(sender: str, outcome: Outcome, rng: Random) -> bool | None:
    if sender not in PEOPLE or outcome == "nobody_claims":
        return None
    return rng.choices((True, False, None), weights=(60, 7, 33))[0]


def _inside(micro: GridUnit, rng: Random) -> Point:
    """Between the middle and a corner, never nearer to the border than half way."""
    corners = micro.ring[:-1]
    middle_x, middle_y = (sum(corner[axis] for corner in corners) / len(corners) for axis in (0, 1))
    corner_x, corner_y = rng.choice(corners)
    share = rng.uniform(0, 0.5)
    return round(middle_x + share * (corner_x - middle_x), 6), round(middle_y + share * (corner_y - middle_y), 6)


def _beside(edge: tuple[Point, Point], rng: Random) -> Point:
    """Off the middle of an outer border, to its right, which is outside."""
    (start_x, start_y), (end_x, end_y) = edge
    along_x, along_y = end_x - start_x, end_y - start_y
    away = rng.uniform(*NEAR_DEGREES) / hypot(along_x, along_y)
    return round((start_x + end_x) / 2 + along_y * away, 6), round((start_y + end_y) / 2 - along_x * away, 6)
