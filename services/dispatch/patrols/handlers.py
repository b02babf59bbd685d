"""Campaigns, their rounds, and visits: commands and timers in, decisions, facts out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from libs.chassis.db.database import Database, Record
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer, not_in_street
from libs.chassis.handling import timers
from libs.contracts.message import Event
from libs.sentences import Sentence
from services.dispatch.absences import tables as absence_tables
from services.dispatch.campaigns import tables as campaign_tables
from services.dispatch.campaigns.domain import campaign
from services.dispatch.campaigns.domain.campaign import Campaign
from services.dispatch.campaigns.handlers import NextRound, not_fitting, schedule_next_rounds
from services.dispatch.findings import tables as finding_tables
from services.dispatch.patrols import tables
from services.dispatch.patrols.domain import patrol
from services.dispatch.patrols.domain.patrol import Round, State, Task
from services.dispatch.patrols.domain.visit import RecordVisit, Visit, fact_of, fingerprint, metres_off, visit
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street

router = EventRouter("dispatch")


class RoundOver(Timer):
    """The time of a round is over."""

    key_field: ClassVar[str] = "round_id"

    round_id: UUID


# Rounds


@router.due(NextRound)
async def begin_rounds(clocks: Batch[NextRound], db: Database) -> list[Event]:
    """Plan a round for each campaign whose time has come: its tasks, its end, and the campaign's next one."""
    campaigns = await campaign_tables.campaigns_by_id(db, {clock.campaign_id for clock in clocks})
    streets = await street_tables.streets_for(db, {c.tenant for c in campaigns.values()})
    away = await absence_tables.away(db, streets, clocks.now)
    planned: list[tuple[Round, list[Task]]] = []
    changed: list[Campaign] = []
    for clock in clocks:
        here = campaigns.get(clock.campaign_id)
        if here is not None and here.next_at == clock.due_at:
            planned.append(patrol.plan_round(new_id(), here, clock.due_at, streets[here.tenant], away[here.tenant]))
            changed.append(campaign.after_round(here, clock.due_at))
    new = await tables.insert_rounds(db, planned)
    await campaign_tables.update_campaigns(db, changed)
    await schedule_next_rounds(db, changed)
    made = [(each, tasks) for each, tasks in planned if each.round_id in new]
    over = [RoundOver(tenant=each.tenant, due_at=each.visit_by, round_id=each.round_id) for each, _ in made]
    await timers.schedule(db, over)
    return [fact for each, tasks in made for fact in patrol.facts_of(each, tasks, clocks.now)]


@router.due(RoundOver)
async def end_rounds(clocks: Batch[RoundOver], db: Database) -> list[Event]:
    """What nobody has visited in time is missed."""
    rounds = await tables.rounds_by_id(db, {clock.round_id for clock in clocks})
    streets = await street_tables.streets_for(db, {each.tenant for each in rounds.values()})
    missed = await tables.lapse(db, rounds)
    return [
        fact
        for round_id, units in missed.items()
        for fact in patrol.missed(rounds[round_id], units, streets[rounds[round_id].tenant])
    ]


# Visits


@router.answers(RecordVisit)
async def record_visits(commands: Batch[RecordVisit], db: Database) -> list[Answer]:
    """Tasks are locked before visits are looked for: of two under one key, the second then sees the first."""
    states = await tables.lock_tasks(db, {(c.round_id, c.unit) for c in commands})
    rounds = await tables.rounds_by_id(db, {c.round_id for c in commands})
    streets = await street_tables.streets_for(db, {c.tenant for c in commands})
    known = await tables.visits_by_key(db, {(c.tenant, c.key) for c in commands})
    visits = _Visits(states, rounds, {key: _said(row) for key, row in known.items()})
    answers: list[Answer] = []
    for command, metres in zip(commands, _metres(commands, states, streets), strict=True):
        answers.append(visits.take(command, metres, streets.get(command.tenant), commands.now))
    await tables.insert_visits(db, visits.new, commands.now)
    await finding_tables.insert_findings(db, visits.findings)
    await tables.update_tasks(db, visits.moved)
    return answers


def _metres(commands: Sequence[RecordVisit], states: dict[tables.TaskKey, State], streets: Any) -> list[int | None]:
    """How far from its unit each visit was, a street at a time."""
    found: list[int | None] = [None] * len(commands)
    for tenant, street in streets.items():
        mine = [at for at, c in enumerate(commands) if c.tenant == tenant and (c.round_id, c.unit) in states]
        points = [(commands[at].unit, commands[at].point) for at in mine]
        for at, metres in zip(mine, metres_off(points, street), strict=True):
            found[at] = metres
    return found


class _Visits:
    """The visits of a batch: each is decided on what those before it have left."""

    def __init__(
        self,
        states: dict[tables.TaskKey, State],
        rounds: dict[UUID, Round],
        known: dict[tuple[str, str], tuple[bytes, dict[str, Any]]],
    ) -> None:
        self._states, self._rounds, self._known = states, rounds, known
        self.new: list[Visit] = []
        self.findings: list[dict[str, Any]] = []
        self.moved: dict[tables.TaskKey, State] = {}

    def take(self, said: RecordVisit, metres: int | None, street: Street | None, now: datetime) -> Answer:
        earlier = self._known.get((said.tenant, said.key))
        if earlier is not None and earlier[0] == fingerprint(said):
            return Done(earlier[1])
        if earlier is not None:
            zh = f"{said.key} 是另一次巡查；新的要用新的。"
            en = f"{said.key} is another visit; a new one needs a new key."
            return Refused(422, "Key used for another visit", Sentence(zh, en))
        task, of = (said.round_id, said.unit), self._rounds.get(said.round_id)
        if of is None or street is None or of.tenant != said.tenant or task not in self._states:
            return not_in_street(
                said.tenant,
                f"轮次 {said.round_id} 在 {said.unit} 的任务",
                f"task of the round {said.round_id} in the unit {said.unit}",
            )
        decided = visit(new_id(), said, of, self._states[task], metres, street, now)
        if not isinstance(decided, Visit):
            return not_fitting(decided)
        return Done(self._keep(decided, of), [fact_of(decided, of)])

    def _keep(self, new: Visit, of: Round) -> dict[str, Any]:
        said = new.said
        task = (said.round_id, said.unit)
        after = new.after(self._states[task])
        if after is not self._states[task]:
            self._states[task] = self.moved[task] = after
        findings = [_finding(new, n, of) for n in range(len(said.findings))]
        self.new.append(new)
        self.findings += findings
        receipt = _receipt(new, [f["finding_id"] for f in findings])
        self._known[(said.tenant, said.key)] = (fingerprint(said), receipt)
        return receipt


def _finding(of: Visit, number: int, planned: Round) -> dict[str, Any]:
    said, found = of.said, of.said.findings[number]
    longitude, latitude = found.point or said.point
    return {
        "finding_id": new_id(),
        "visit_id": of.visit_id,
        "tenant": said.tenant,
        "category": found.category or planned.category,
        "description": found.description,
        "longitude": longitude,
        "latitude": latitude,
        "photos": list(found.photos),
        "member_id": said.member_id,
        "found_at": said.visited_at,
    }


RECEIPT = ("visit_id", "first", "on_time", "in_place", "metres_off")


def _receipt(of: Visit | Record, finding_ids: Sequence[UUID]) -> dict[str, Any]:
    return {**{name: getattr(of, name) for name in RECEIPT}, "finding_ids": sorted(finding_ids)}


def _said(row: Record) -> tuple[bytes, dict[str, Any]]:
    return bytes(row.fingerprint), _receipt(row, row.finding_ids)
