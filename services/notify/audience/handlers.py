"""Facts in, notices queued for everybody whom they concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseFollowed, CaseMerged, CaseUnfollowed, CaseUnmerged
from libs.contracts.message import Event
from libs.contracts.notify import NotificationSuppressed
from libs.contracts.values import Channel
from services.notify.audience.domain import FOR_REPORTERS, RULES, Reporter, Rule, parameters, recipient_ids
from services.notify.audience.tables import Began, missed
from services.notify.deliveries import tables as deliveries
from services.notify.deliveries.tables import Reached
from services.notify.recipients import followed
from services.notify.recipients import tables as people
from services.notify.recipients.domain.reach import Reach, Suppress, reach, reporter
from services.notify.recipients.followed import CaseKey
from services.notify.recipients.keeping import keep_contacts, opened, tracking_of

router = EventRouter("notify")


async def queue_notices(facts: Batch[Any], db: Database) -> Sequence[Event]:
    """Queue a notice for everybody whom the facts concern."""
    audience = await _audience(facts, db)
    notices = [{**_notice(fact, rule, facts.now), "traceparent": facts.traceparent(fact)} for fact, rule, _ in audience]
    told = [
        Told(fact.tenant, fact.id, _case_of(fact), rule, recipient_id)
        for fact, rule, recipients in audience
        for recipient_id in recipients
    ]
    return await _deliver(db, notices, told, facts.now)


@dataclass(frozen=True, slots=True)
class Told:
    """One notice to one recipient."""

    tenant: str
    event_id: UUID
    case_id: UUID | None
    rule: Rule
    recipient_id: str


async def _deliver(
    db: Database, notices: Sequence[Mapping[str, Any]], told: Sequence[Told], now: datetime
) -> list[Event]:
    known = await people.recipients_of(db, {(each.tenant, each.recipient_id) for each in told})
    reached: list[Reached] = []
    suppressed: list[NotificationSuppressed] = []
    for each in told:
        match reach(known[(each.tenant, each.recipient_id)], each.rule.channels):
            case Reach(channels):
                reached.append((each.tenant, each.event_id, each.recipient_id, ",".join(channels)))
            case Suppress(channel, reason):
                suppressed.append(_suppressed(each, channel, reason, now))
    await deliveries.queue(db, notices, reached)
    await deliveries.suppress(db, [_suppressed_row(each) for each in suppressed])
    return [*suppressed]


async def _catch_up(db: Database, began: Sequence[Began], now: datetime) -> list[Event]:
    """What was heard of a case before it was heard that they follow it, although it was told after that."""
    rows = await missed(db, began, list(FOR_REPORTERS))
    late = [Told(r.tenant, r.event_id, r.case_id, FOR_REPORTERS[r.template], r.recipient_id) for r in rows]
    return await _deliver(db, [], late, now) if late else []


MERGINGS = (CaseMerged, CaseUnmerged)


async def queue_notices_and_follow(facts: Batch[Any], db: Database) -> Sequence[Event]:
    """Who reported a case that was merged is told from then on how the other one goes; once it is taken out again, who
    follows it is told how itself goes."""
    said = await queue_notices(facts, db)
    known = [fact for fact in facts if id(fact) not in facts.postponed]
    await followed.follow(db, [(f.tenant, f.case_id, _followed(f), f.occurred_at) for f in known])
    began = [Began(f.tenant, f.case_id, _followed(f) or f.case_id, f.id) for f in known]
    return [*said, *await _catch_up(db, began, facts.now)]


def _followed(fact: CaseMerged | CaseUnmerged) -> UUID | None:
    return fact.into_case_id if isinstance(fact, CaseMerged) else None


@router.on(CaseFollowed)
async def keep_followers_and_tell(facts: Batch[CaseFollowed], db: Database) -> Sequence[Event]:
    """A resident follows a case that is known here, and hears from then on what its reporter hears."""
    reporters = await followed.reporters_of(db, [(fact.tenant, fact.case_id) for fact in facts])
    known = []
    for fact in facts:
        if (fact.tenant, fact.case_id) in reporters:
            known.append(fact)
        else:
            facts.postpone(fact, f"who reported case {fact.case_id} is not known yet")
    given = opened((fact, reporter(fact.follower_id), fact.sealed_contact) for fact in known)
    keys = await keep_contacts(db, given.values())
    rows = [
        {
            "tenant": fact.tenant,
            "case_id": fact.case_id,
            "follower_id": fact.follower_id,
            "case_no": fact.case_no,
            "recipient_id": reporter(fact.follower_id),
            "tracking": tracking_of(given[fact.id], keys) if fact.id in given else None,
            "followed_at": fact.occurred_at,
        }
        for fact in known
    ]
    await followed.keep_followers(db, rows)
    said = await queue_notices(facts, db)
    began = [Began(fact.tenant, fact.follower_id, None, fact.id) for fact in known]
    return [*said, *await _catch_up(db, began, facts.now)]


@router.on(CaseUnfollowed)
async def forget_followers(facts: Batch[CaseUnfollowed], db: Database) -> Sequence[Event]:
    """One of whom nothing is known yet waits, or it would be kept as a follower afterwards."""
    known = await followed.forget_followers(db, [(fact.tenant, fact.follower_id) for fact in facts])
    for fact in facts:
        if (fact.tenant, fact.follower_id) not in known:
            facts.postpone(fact, f"who follows case {fact.case_id} as {fact.follower_id} is not known yet")
    return []


for _fact in RULES:
    if _fact is not CaseFollowed:
        router.on(_fact)(queue_notices_and_follow if _fact in MERGINGS else queue_notices)


async def _audience(facts: Batch[Any], db: Database) -> list[tuple[Any, Rule, list[str]]]:
    """Facts with their rule and recipients, without those that concern nobody or must wait for their report."""
    going_on = ((fact, RULES[type(fact)]) for fact in facts if id(fact) not in facts.postponed)
    ruled = [(fact, rule) for fact, rule in going_on if rule.tells(fact)]
    asked = [(fact.tenant, fact.case_id) for fact, rule in ruled if isinstance(rule.audience, Reporter)]
    reporters: Mapping[CaseKey, Sequence[str]] = await followed.reporters_of(db, asked) if asked else {}
    audience = []
    for fact, rule in ruled:
        known: Sequence[str] = ()
        if isinstance(rule.audience, Reporter):
            case = (fact.tenant, fact.case_id)
            if case not in reporters:
                facts.postpone(fact, f"who reported case {fact.case_id} is not known yet")
                continue
            known = reporters[case]
        recipients = recipient_ids(fact, rule.audience, known)
        # Also where nobody hears of it now: it may be heard later that somebody did follow the case.
        if recipients or isinstance(rule.audience, Reporter):
            audience.append((fact, rule, recipients))
    return audience


def _notice(fact: Any, rule: Rule, now: datetime) -> dict[str, Any]:
    return {
        "tenant": fact.tenant,
        "event_id": fact.id,
        "template": rule.template,
        "parameters": parameters(fact, rule),
        "case_id": _case_of(fact),
        "correlation_id": fact.correlation_id,
        "occurred_at": fact.occurred_at,
        "queued_at": now,
    }


def _case_of(fact: Any) -> UUID | None:
    """A round of patrols, for one, is about no case."""
    return getattr(fact, "case_id", None)


def _suppressed(told: Told, channel: Channel, reason: str, now: datetime) -> NotificationSuppressed:
    return NotificationSuppressed(
        tenant=told.tenant,
        occurred_at=now,
        delivery_id=new_id(),
        cause_id=told.event_id,
        case_id=told.case_id,
        recipient_id=told.recipient_id,
        channel=channel,
        reason=reason,
    )


def _suppressed_row(told: NotificationSuppressed) -> dict[str, Any]:
    row = told.model_dump(include={"delivery_id", "tenant", "recipient_id", "channel", "reason"})
    return {**row, "event_id": told.cause_id}
