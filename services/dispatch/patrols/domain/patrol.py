"""A round of a campaign, its tasks (巡查任务), and what becomes of them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import PatrolAssigned, PatrolMissed, PatrolPlanned
from libs.contracts.values import MemberKind
from libs.street_time import local_day
from libs.transitions import Label, Role, Table, Transition
from services.dispatch.campaigns.domain.campaign import Campaign, Item, units_of
from services.dispatch.street.domain.street import Street

MEMBERS_IN_A_FACT = 500


class State(StrEnum):
    PLANNED = "planned"
    VISITED = "visited"
    MISSED = "missed"
    LATE = "late"


class Move(StrEnum):
    VISIT = "visit"
    VISIT_LATE = "visit_late"
    LAPSE = "lapse"


MOVES: Table[State, Move] = Table(
    Label("patrol task", "巡查任务"),
    {State.PLANNED: "待巡查", State.VISITED: "已巡查", State.MISSED: "未巡查", State.LATE: "逾期巡查"},
    (
        Transition(
            Move.VISIT, "巡查", (State.PLANNED, State.MISSED, State.LATE), State.VISITED, Role.MEMBER, path="visits"
        ),
        Transition(Move.VISIT_LATE, "逾期巡查", (State.PLANNED, State.MISSED), State.LATE, Role.MEMBER, path="visits"),
        Transition(Move.LAPSE, "逾期", (State.PLANNED,), State.MISSED, Role.CLOCK),
    ),
)
"""A visit is judged by its own time: one that was in time may be told when the time is over. All others change
nothing, and are kept."""


@dataclass(frozen=True, slots=True)
class Round:
    """One occurrence of a campaign, with what was asked for when it was planned."""

    round_id: UUID
    tenant: str
    campaign_id: UUID
    name_zh: str
    name_en: str
    planned_at: datetime
    visit_by: datetime
    checklist: tuple[Item, ...]
    category: str
    helpers: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """Of the street."""
        return local_day(self.planned_at)


@dataclass(frozen=True, slots=True)
class Task:
    """One unit to visit in a round. `member_id` None: nobody of the wanted kinds is near."""

    unit: str
    member_id: str | None


def plan_round(
    round_id: UUID, campaign: Campaign, planned_at: datetime, street: Street, absent: frozenset[str] = frozenset()
) -> tuple[Round, list[Task]]:
    plan = campaign.plan
    planned = Round(
        round_id=round_id,
        tenant=campaign.tenant,
        campaign_id=campaign.campaign_id,
        name_zh=plan.name_zh,
        name_en=plan.name_en,
        planned_at=planned_at,
        visit_by=planned_at + plan.window,
        checklist=plan.checklist,
        category=plan.category,
        helpers=plan.helpers,
    )
    return planned, assign(units_of(plan, street), plan.kinds, street, absent)


def assign(
    units: Iterable[str], kinds: Sequence[MemberKind], street: Street, absent: frozenset[str] = frozenset()
) -> list[Task]:
    """Each unit its nearest able member: of those who serve in it, else around it, who has the fewest so far."""
    tree, root = street.units, street.units.index(street.tenant)
    able: defaultdict[int, list[str]] = defaultdict(list)
    for member in street.members.values():
        if (not kinds or member.kind in kinds) and member.member_id not in absent:
            at = tree.index(member.unit)
            # Tasks of the whole street go to members who are posted there, and to no others.
            for above in tree.indexes_above(at):
                if above != root or at == root:
                    able[above].append(member.member_id)
    load: Counter[str] = Counter()
    tasks = []
    for unit in units:
        near = next((able[above] for above in tree.indexes_above(tree.index(unit)) if above in able), None)
        member_id = min(near, key=lambda m: (load[m], m)) if near else None
        if member_id is not None:
            load[member_id] += 1
        tasks.append(Task(unit, member_id))
    return tasks


def facts_of(planned: Round, tasks: Sequence[Task], now: datetime) -> Iterator[PatrolPlanned | PatrolAssigned]:
    """The round, and who has how many of its tasks; nobody hears of tasks whose time is over already."""
    load = Counter(task.member_id for task in tasks)
    yield PatrolPlanned(**_about(planned, now), tasks=len(tasks), unassigned=load.pop(None, 0))
    if planned.visit_by <= now:
        return
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for member_id, number in load.items():
        if member_id is not None:
            by_number[number].append(member_id)
    for number, members in sorted(by_number.items()):
        for n in range(0, len(members), MEMBERS_IN_A_FACT):
            some = tuple(members[n : n + MEMBERS_IN_A_FACT])
            yield PatrolAssigned(**_about(planned, now), member_ids=some, tasks=number)


def missed(ended: Round, units: Iterable[str], street: Street) -> Iterator[PatrolMissed]:
    """What was not visited when the time was over: one fact for the units that lie in the same one."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    for code in sorted(units):
        below[street.units[code].parent or code].append(code)
    for parent, codes in below.items():
        yield PatrolMissed(
            **_about(ended, ended.visit_by),
            unit=parent,
            unit_name=street.units[parent].name,
            org_id=street.units[parent].org_id,
            missed=tuple(codes),
            missed_names=tuple(street.units[code].name for code in codes),
            missed_orgs=tuple(dict.fromkeys(street.units[code].org_id for code in codes)),
            count=len(codes),
        )


def _about(of: Round, at: datetime) -> dict[str, object]:
    return {
        "tenant": of.tenant,
        "occurred_at": at,
        "campaign_id": of.campaign_id,
        "round_id": of.round_id,
        "name_zh": of.name_zh,
        "name_en": of.name_en,
        "planned_at": of.planned_at,
        "visit_by": of.visit_by,
    }
