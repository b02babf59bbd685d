"""Facts in, points posted or taken back, facts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.dispatch import AppealUpheld, OrderChecked
from libs.contracts.incident import CaseEvaluated, CaseReopened
from libs.contracts.message import Event
from services.scoring.earning import tables as orders
from services.scoring.earning.domain.caps import capped_days, earn
from services.scoring.earning.domain.deeds import (
    appeal_of,
    check_deed,
    evaluation_deed,
    help_deeds,
    own_deed,
    undo_of_failed_check,
)
from services.scoring.ledger import tables as ledger
from services.scoring.ledger.domain import Because, Transaction, Undo, facts, restore, strongest, take_back
from services.scoring.rules import rules_file
from services.scoring.rules.domain import SCORED, Deed

router = EventRouter("scoring")


@router.on(OrderChecked)
async def score_checks(checks: Batch[OrderChecked], db: Database) -> list[Event]:
    """Handler, helpers and checker earn; a check that fails takes back what an earlier one gave for the order."""
    await ledger.lock(db, {c.tenant for c in checks})
    failed = strongest(undo_of_failed_check(c) for c in checks if not c.passed)
    await orders.record_undone(db, failed.values())
    undone = await orders.record_passed(db, [c for c in checks if c.passed])
    deeds = [*map(check_deed, checks), *(deed for c in checks for deed in help_deeds(c))]
    taken_back = await _take_back(db, failed)
    return await _earn(checks, db, deeds, undone, taken_back)


@router.on(CaseEvaluated)
async def score_evaluations(evaluations: Batch[CaseEvaluated], db: Database) -> list[Event]:
    """Who did the order earns by what its reporter says of it."""
    await ledger.lock(db, {e.tenant for e in evaluations})
    handled, undone = await orders.handled(db, {(e.tenant, e.order_id) for e in evaluations})
    deeds = []
    for evaluation in evaluations:
        order = handled.get((evaluation.tenant, evaluation.order_id))
        if order is None:
            evaluations.postpone(evaluation, f"the order {evaluation.order_id} has not passed a check here yet")
        else:
            deeds.append(evaluation_deed(evaluation, order))
    return await _earn(evaluations, db, deeds, undone)


@router.on(CaseReopened)
async def reverse_reopened(cases: Batch[CaseReopened], db: Database) -> list[Event]:
    """What the order earned is taken back, and what it may yet earn will be: facts about it may come later."""
    await ledger.lock(db, {c.tenant for c in cases})
    undos = strongest(
        Undo(c.tenant, c.order_id, c.case_id, c.id, c.occurred_at, because=Because.REOPENED) for c in cases
    )
    await orders.record_undone(db, undos.values())
    taken_back = await _take_back(db, undos)
    await ledger.post(db, taken_back)
    return facts(taken_back)


async def score_own_deeds(done: Batch[Any], db: Database) -> list[Event]:
    """Who did it earns by what the fact says, and nothing takes it back."""
    await ledger.lock(db, {fact.tenant for fact in done})
    return await _earn(done, db, [own_deed(fact) for fact in done], {})


for _fact in SCORED:
    if _fact not in router.events:
        router.on(_fact)(score_own_deeds)


@router.on(AppealUpheld)
async def restore_appealed(upheld: Batch[AppealUpheld], db: Database) -> list[Event]:
    """What was taken back for the order is given again: the exact opposite of each reversal until then."""
    await ledger.lock(db, {fact.tenant for fact in upheld})
    appeals = {a.order_id: a for a in map(appeal_of, sorted(upheld, key=lambda f: (f.occurred_at, f.id)))}
    await orders.record_appeals(db, appeals.values())
    taken = [t for t in await ledger.taken_back(db, appeals) if t.order_id and appeals[t.order_id].lifts(t)]
    given = [restore(each, appeals[each.order_id], new_id()) for each in taken if each.order_id]
    await ledger.post(db, given)
    return facts(given)


async def _earn(
    batch: Batch[Any],
    db: Database,
    deeds: Sequence[Deed],
    undone: Mapping[UUID, Undo],
    taken_back: Sequence[Transaction] = (),
) -> list[Event]:
    """Post what the deeds earn, after what is taken back."""
    rules = rules_file.rules_of(batch)
    earned = await orders.earned(db, capped_days(deeds, rules))
    made = [*taken_back, *earn(deeds, rules, earned, undone, new_id)]
    await ledger.post(db, made)
    return facts(made)


async def _take_back(db: Database, undos: Mapping[UUID, Undo]) -> list[Transaction]:
    """The reversals of what the orders have earned so far."""
    standing = await ledger.unreversed(db, undos.values())
    appeals = await orders.appeals(db, {(t.tenant, t.order_id) for t in standing if t.order_id})
    pairs = [
        (transaction, replace(undos[transaction.order_id], appeal=appeals.get(transaction.order_id)))
        for transaction in standing
        if transaction.order_id
    ]
    return [each for earned, undo in pairs if undo.covers(earned) for each in take_back(earned, undo, new_id)]
