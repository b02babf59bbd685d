"""Campaigns are begun, changed, paused and ended; the timer of the next round follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer, not_in_street
from libs.chassis.handling import timers
from libs.sentences import Sentence, joined, unknown_street
from libs.transitions import Impossible
from services.dispatch.campaigns import tables as campaign_tables
from services.dispatch.campaigns.domain import campaign
from services.dispatch.campaigns.domain.campaign import Campaign, Wrong
from services.dispatch.campaigns.domain.commands import BeginCampaign, MoveCampaign
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street

router = EventRouter("dispatch")


class NextRound(Timer):
    """A campaign's next round begins."""

    key_field: ClassVar[str] = "campaign_id"

    campaign_id: UUID


# Campaigns


@router.answers(BeginCampaign)
async def begin_campaigns(commands: Batch[BeginCampaign], db: Database) -> list[Answer]:
    streets = await street_tables.streets_for(db, {c.tenant for c in commands})
    known = await campaign_tables.campaigns_by_id(db, {c.campaign_id for c in commands})
    new: dict[UUID, Campaign] = {}
    answers = [_begin(c, streets.get(c.tenant), known | new, new, commands.now) for c in commands]
    await campaign_tables.insert_campaigns(db, list(new.values()))
    await schedule_next_rounds(db, new.values())
    return answers


def _begin(
    command: BeginCampaign, street: Street | None, known: dict[UUID, Campaign], new: dict[UUID, Campaign], now: datetime
) -> Answer:
    if street is None:
        return Refused(404, "Not found", unknown_street(command.tenant))
    before = known.get(command.campaign_id)
    if before is not None and (before.tenant, before.plan) == (command.tenant, command.plan):
        return Done(before)
    if before is not None:
        zh = f"{command.campaign_id} 是另一个专项行动；新的要用新的编号。"
        en = f"{command.campaign_id} is another campaign; a new one needs a new id."
        return Refused(409, "Another campaign", Sentence(zh, en))
    if wrong := campaign.what_is_wrong(command.plan, street, now):
        return not_fitting(wrong)
    begun = new[command.campaign_id] = campaign.begin(command.campaign_id, command.tenant, command.plan, now)
    return Done(begun)


@router.answers(MoveCampaign)
async def move_campaigns(commands: Batch[MoveCampaign], db: Database) -> list[Answer]:
    await timers.hold(db, NextRound, {str(c.campaign_id) for c in commands})
    found = await campaign_tables.campaigns_by_id(db, {c.campaign_id for c in commands})
    streets = await street_tables.streets_for(db, {c.tenant for c in commands})
    answers: list[Answer] = []
    for command in commands:
        before = found.get(command.campaign_id)
        if before is None or before.tenant != command.tenant:
            answers.append(
                not_in_street(command.tenant, f"专项行动 {command.campaign_id}", f"campaign {command.campaign_id}")
            )
            continue
        wrong = campaign.what_is_wrong(command.plan, streets[command.tenant], commands.now) if command.plan else []
        if wrong:
            answers.append(not_fitting(wrong))
            continue
        after = campaign.move(before, command.move, commands.now, command.plan)
        if isinstance(after, Impossible):
            allowed = {"allowed": [t.shown() for t in after.allowed]}
            answers.append(Refused(409, "Not possible now", after.detail, allowed))
        else:
            found[command.campaign_id] = after
            answers.append(Done(after))
    await campaign_tables.update_campaigns(db, found.values())
    await schedule_next_rounds(db, found.values())
    return answers


async def schedule_next_rounds(db: Database, campaigns: Iterable[Campaign]) -> None:
    """One timer for each that goes on, none for the others."""
    over = [str(c.campaign_id) for c in campaigns if c.next_at is None]
    await timers.cancel(db, NextRound, over)
    rounds = [NextRound(tenant=c.tenant, due_at=c.next_at, campaign_id=c.campaign_id) for c in campaigns if c.next_at]
    await timers.schedule(db, rounds)


def not_fitting(wrong: Sequence[Wrong]) -> Refused:
    errors = [{"field": each.field, "wrong": each.wrong} for each in wrong]
    named = (Sentence(f"{w.field}：{w.wrong.zh}", f"{w.field}: {w.wrong.en}") for w in wrong)
    return Refused(422, "Invalid request", joined(named, "; "), {"errors": errors})
