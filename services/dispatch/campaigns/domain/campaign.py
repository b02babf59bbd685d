"""A campaign (专项行动): which units are visited when, by whom, and what is looked at there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from libs.contracts.values import Level, MemberKind
from libs.sentences import Sentence
from libs.transitions import Impossible, Label, Role, Table, Transition
from services.dispatch.campaigns.domain.recurrence import NoRecurrence, checked, next_occurrences
from services.dispatch.grid.domain.tree import DEPTH
from services.dispatch.street.domain.street import Street

LONGEST_AGO = timedelta(days=3660)
SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(minutes=10), timedelta(days=31)


class AnswerKind(StrEnum):
    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist: what is looked at, how it is answered, and whether a photo shows it."""

    name: str
    kind: AnswerKind
    required: bool = True
    photo: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What people say about a campaign. `areas`: every unit of `level` in them is visited; `kinds` empty: by anybody.

    `window`: so long after its beginning a round may be done. `exceptions`: days of the street without a round.
    `helpers`: units whose organisations help with every order that comes from a finding.
    """

    name_zh: str
    name_en: str
    areas: tuple[str, ...]
    level: Level
    recurrence: str
    begins_at: datetime
    ends_at: datetime | None
    exceptions: tuple[date, ...]
    window: timedelta
    kinds: tuple[MemberKind, ...]
    checklist: tuple[Item, ...]
    category: str
    helpers: tuple[str, ...] = ()


class State(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class Move(StrEnum):
    CHANGE = "change"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    EXHAUST = "exhaust"


MOVES: Table[State, Move] = Table(
    Label("campaign", "专项行动"),
    {State.RUNNING: "进行中", State.PAUSED: "已暂停", State.ENDED: "已结束"},
    (
        Transition(Move.CHANGE, "调整", (State.RUNNING, State.PAUSED), None, Role.STREET),
        Transition(Move.PAUSE, "暂停", (State.RUNNING,), State.PAUSED, Role.STREET),
        Transition(Move.RESUME, "恢复", (State.PAUSED,), State.RUNNING, Role.STREET),
        Transition(Move.END, "结束", (State.RUNNING, State.PAUSED), State.ENDED, Role.STREET),
        Transition(Move.EXHAUST, "到期结束", (State.RUNNING,), State.ENDED, Role.CLOCK),
    ),
)
"""After its last round a campaign ends by itself."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """`next_at`: when its next round begins; None while it is paused, and when there is none any more."""

    campaign_id: UUID
    tenant: str
    plan: Plan
    state: State
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field of a plan that does not fit, and what would be right."""

    field: str
    wrong: Sentence


def not_listed(category: str, street: Street) -> Sentence:
    zh = f"街道 {street.tenant} 的权责清单中没有 {category}"
    return Sentence(zh, f"{category} is not in the responsibility list of the street {street.tenant}")


def _wrong(field: str, zh: str, en: str) -> Wrong:
    return Wrong(field, Sentence(zh, en))


def begin(campaign_id: UUID, tenant: str, plan: Plan, now: datetime) -> Campaign:
    """A new campaign. Rounds that would have begun before now are not made up for."""
    return _onwards(Campaign(campaign_id, tenant, plan, State.RUNNING, None), now)


def move(campaign: Campaign, what: Move, now: datetime, plan: Plan | None = None) -> Campaign | Impossible:
    """Change (with a plan), pause, resume or end it; rounds that have begun go on as they were planned."""
    found = MOVES.find(campaign.state, what)
    if isinstance(found, Impossible):
        return found
    return _onwards(replace(campaign, state=found.leads(campaign.state), plan=plan or campaign.plan), now)


def after_round(campaign: Campaign, began_at: datetime) -> Campaign:
    """The campaign when the round that began then is planned. What fell due meanwhile comes next, late and in order."""
    return _onwards(campaign, began_at)


def _onwards(campaign: Campaign, after: datetime) -> Campaign:
    if campaign.state is not State.RUNNING:
        return replace(campaign, next_at=None)
    found = upcoming(campaign.plan, after, 1)
    return replace(campaign, next_at=found[0]) if found else replace(campaign, next_at=None, state=State.ENDED)


def upcoming(plan: Plan, after: datetime, count: int) -> list[datetime]:
    """When the next rounds begin."""
    return next_occurrences(plan.recurrence, plan.begins_at, plan.ends_at, plan.exceptions, after, count)


def units_of(plan: Plan, street: Street) -> list[str]:
    """The units that a round visits, by code: all of the plan's level in its areas."""
    tree = street.units
    areas = frozenset(map(tree.index, plan.areas))
    inside = (at for at in tree.indexes_of(plan.level) if not areas.isdisjoint(tree.indexes_above(at)))
    return [tree.unit(at).code for at in inside]


def what_is_wrong(plan: Plan, street: Street, now: datetime) -> list[Wrong]:
    """Every field that does not fit the street or the others; nothing when the campaign can be."""
    return [*_wrong_units(plan, street), *_wrong_times(plan, now), *_wrong_checklist(plan, street, now)]


def _wrong_units(plan: Plan, street: Street) -> Iterator[Wrong]:
    unknown = [code for code in plan.areas if code not in street.units]
    named = [("areas", code) for code in unknown]
    named += [("helpers", code) for code in plan.helpers if code not in street.units]
    for field, code in named:
        zh = f"街道 {street.tenant} 没有 {code}；网格单元用代码表示"
        yield _wrong(field, zh, f"the street {street.tenant} has no unit {code}; units are named by their codes")
    above = [c for c in plan.areas if c not in unknown and DEPTH[street.units[c].level] > DEPTH[plan.level]]
    for code in above:
        level = street.units[code].level
        en = f"{code} is a {level}, in which there is no {plan.level}"
        yield _wrong("level", f"{code} 是 {level}，其中没有 {plan.level}", en)
    if not unknown and not above and not units_of(plan, street):
        areas = ", ".join(plan.areas)
        yield _wrong("level", f"{areas} 中没有 {plan.level}", f"there is no {plan.level} in {areas}")


def _wrong_times(plan: Plan, now: datetime) -> Iterator[Wrong]:
    if not SHORTEST_WINDOW <= plan.window <= LONGEST_WINDOW:
        zh = f"一轮的时间为 {SHORTEST_WINDOW} 至 {LONGEST_WINDOW}"
        yield _wrong(
            "window_minutes", zh, f"a round may be done for {SHORTEST_WINDOW} at least, {LONGEST_WINDOW} at most"
        )
    if plan.begins_at < now - LONGEST_AGO:
        zh = f"最早为 {LONGEST_AGO.days} 天前：此后的每一轮都计入"
        yield _wrong("begins_at", zh, f"{LONGEST_AGO.days} days ago at most: every round since then is counted")
        return
    if plan.ends_at is not None and plan.ends_at <= plan.begins_at:
        yield _wrong("ends_at", "应晚于 begins_at", "it must be later than begins_at")
        return
    try:
        checked(plan.recurrence, plan.begins_at)
    except NoRecurrence as error:
        yield Wrong("recurrence", error.sentence)
        return
    if not upcoming(plan, now, 1):
        zh = "不会再有任何一轮：ends_at 已过，或早于下一轮"
        yield _wrong("ends_at", zh, "no round would begin any more: ends_at is over, or before the next one")


def _wrong_checklist(plan: Plan, street: Street, now: datetime) -> Iterator[Wrong]:
    names = Counter(item.name for item in plan.checklist)
    for twice in (name for name, count in names.items() if count > 1):
        yield _wrong(
            "checklist",
            f"{twice} 出现了两次；每项名称不能相同",
            f"{twice} is there twice; each item has a name of its own",
        )
    if not street.is_listed(plan.category, now):
        yield Wrong("category", not_listed(plan.category, street))
