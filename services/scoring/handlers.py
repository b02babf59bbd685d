"""Facts in, points posted or taken back, facts out. The chassis drops copies, commits and acknowledges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from libs.chassis.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.chassis.ids import new_id
from libs.contracts.dispatch import (
    AppealUpheld,
    CaseVerified,
    MemberChanged,
    OrderChecked,
    PatrolVisited,
    UnitChanged,
)
from libs.contracts.incident import CaseEvaluated, CaseReopened, CaseStreetEvaluated
from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted, PointsReversed
from services.scoring import rules_file
from services.scoring.domain.ledger import (
    Appeal,
    Because,
    Kind,
    Transaction,
    Undo,
    earn,
    heaviest,
    purses,
    restore,
    take_back,
)
from services.scoring.domain.rules import CHECKED, EVALUATED, VERIFIED, VISITED, Deed, Earner, Who
from services.scoring.tables import evaluations, ledger, projections
from services.scoring.tables.projections import Handled

router = EventRouter("scoring")


@router.on(OrderChecked)
async def score_checks(checks: Batch[OrderChecked], db: Database) -> list[Event]:
    """Handler and checker earn; a check that fails takes back what an earlier one gave for the order."""
    await ledger.lock(db, {c.tenant for c in checks})
    failed = heaviest(_failure(c) for c in checks if not c.passed)
    await projections.record_undone(db, failed.values())
    undone = await projections.record_passed(db, [c for c in checks if c.passed])
    deeds = [_check_deed(c) for c in checks]
    taken_back = await _take_back(db, failed)
    return await _earn(db, deeds, undone, taken_back)


@router.on(CaseEvaluated)
async def score_evaluations(evaluations: Batch[CaseEvaluated], db: Database) -> list[Event]:
    """Who did the order earns by what its reporter says of it."""
    await ledger.lock(db, {e.tenant for e in evaluations})
    handled, undone = await projections.handled(db, {(e.tenant, e.order_id) for e in evaluations})
    deeds = []
    for evaluation in evaluations:
        order = handled.get((evaluation.tenant, evaluation.order_id))
        if order is None:
            evaluations.wait(evaluation, f"the order {evaluation.order_id} has not passed a check here yet")
        else:
            deeds.append(_evaluation_deed(evaluation, order))
    return await _earn(db, deeds, undone)


@router.on(CaseReopened)
async def reverse_reopened(cases: Batch[CaseReopened], db: Database) -> list[Event]:
    """What the order earned is taken back, and what it may yet earn will be: facts about it may come later."""
    await ledger.lock(db, {c.tenant for c in cases})
    undos = heaviest(
        Undo(c.tenant, c.order_id, c.case_id, c.id, c.occurred_at, because=Because.REOPENED) for c in cases
    )
    await projections.record_undone(db, undos.values())
    taken_back = await _take_back(db, undos)
    await ledger.post(db, taken_back)
    return _facts(taken_back)


@router.on(PatrolVisited)
async def score_visits(visits: Batch[PatrolVisited], db: Database) -> list[Event]:
    """Who was there earns."""
    await ledger.lock(db, {v.tenant for v in visits})
    return await _earn(db, [_visit_deed(v) for v in visits], {})


@router.on(CaseVerified)
async def score_verifications(found: Batch[CaseVerified], db: Database) -> list[Event]:
    """Who has looked earns, whatever they found."""
    await ledger.lock(db, {f.tenant for f in found})
    return await _earn(db, [_verification_deed(f) for f in found], {})


@router.on(AppealUpheld)
async def restore_appealed(upheld: Batch[AppealUpheld], db: Database) -> list[Event]:
    """What was taken back for the order is given again: the exact opposite of each reversal until then."""
    await ledger.lock(db, {fact.tenant for fact in upheld})
    appeals = {a.order_id: a for a in map(_appeal, sorted(upheld, key=lambda f: (f.occurred_at, f.id)))}
    await projections.record_appeals(db, appeals.values())
    taken = [t for t in await ledger.taken_back(db, appeals) if t.order_id and appeals[t.order_id].lifts(t)]
    given = [restore(each, appeals[each.order_id], new_id()) for each in taken if each.order_id]
    await ledger.post(db, given)
    return _facts(given)


@router.on(MemberChanged)
async def keep_members(members: Batch[MemberChanged], db: Database) -> list[Event]:
    await projections.record_members(db, members)
    return []


@router.on(UnitChanged)
async def keep_orgs(units: Batch[UnitChanged], db: Database) -> list[Event]:
    await projections.record_orgs(db, units)
    return []


@router.on(CaseStreetEvaluated)
async def keep_street_evaluations(said: Batch[CaseStreetEvaluated], db: Database) -> list[Event]:
    """Whether an evaluation counts is decided when it is looked up: who is of the street committee may come later."""
    await evaluations.record(db, said)
    return []


async def _earn(
    db: Database, deeds: Sequence[Deed], undone: Mapping[UUID, Undo], taken_back: Sequence[Transaction] = ()
) -> list[Event]:
    """Post what the deeds earn, after what is taken back."""
    rules = rules_file.in_force()
    earned = await ledger.earned(db, purses(deeds, rules))
    made = [*taken_back, *earn(deeds, rules, earned, undone, new_id)]
    await ledger.post(db, made)
    return _facts(made)


async def _take_back(db: Database, undos: Mapping[UUID, Undo]) -> list[Transaction]:
    """The reversals of what the orders have earned so far."""
    standing = await ledger.standing(db, undos.values())
    appeals = await projections.appeals(db, {(t.tenant, t.order_id) for t in standing if t.order_id})
    pairs = [
        (transaction, replace(undos[transaction.order_id], appeal=appeals.get(transaction.order_id)))
        for transaction in standing
        if transaction.order_id
    ]
    return [each for earned, undo in pairs if undo.covers(earned) for each in take_back(earned, undo, new_id)]


def _failure(check: OrderChecked) -> Undo:
    return Undo(check.tenant, check.order_id, check.case_id, check.id, check.occurred_at, Because.CHECK_FAILED)


def _appeal(fact: AppealUpheld) -> Appeal:
    return Appeal(fact.tenant, fact.order_id, fact.case_id, fact.id, fact.occurred_at)


def _check_deed(check: OrderChecked) -> Deed:
    return Deed(
        tenant=check.tenant,
        event=CHECKED,
        cause_id=check.id,
        case_id=check.case_id,
        # A check that found the work wanting was right, whatever becomes of the order.
        order_id=check.order_id if check.passed else None,
        occurred_at=check.occurred_at,
        earners={
            Who.HANDLER: Earner(check.member_id, check.org_id),
            Who.CHECKER: Earner(check.checked_by, check.checked_by_org),
        },
        holds={"passed": check.passed, "on_time": check.on_time, "own_report": check.own_report},
        category_points=check.points,
    )


def _evaluation_deed(evaluation: CaseEvaluated, order: Handled) -> Deed:
    return Deed(
        tenant=evaluation.tenant,
        event=EVALUATED,
        cause_id=evaluation.id,
        case_id=evaluation.case_id,
        order_id=evaluation.order_id,
        occurred_at=evaluation.occurred_at,
        earners={Who.HANDLER: order.handler},
        holds={"satisfied": evaluation.satisfied, "on_time": order.on_time, "own_report": order.own_report},
        category_points=order.category_points,
    )


def _visit_deed(visit: PatrolVisited) -> Deed:
    return Deed(
        tenant=visit.tenant,
        event=VISITED,
        cause_id=visit.id,
        case_id=None,
        order_id=None,
        occurred_at=visit.occurred_at,
        earners={Who.VISITOR: Earner(visit.member_id, visit.org_id)},
        holds={"first": visit.first, "on_time": visit.on_time, "in_place": visit.in_place},
        category_points=0,
    )


def _verification_deed(found: CaseVerified) -> Deed:
    return Deed(
        tenant=found.tenant,
        event=VERIFIED,
        cause_id=found.id,
        case_id=found.case_id,
        order_id=None,
        occurred_at=found.occurred_at,
        earners={Who.VERIFIER: Earner(found.member_id, found.org_id)},
        holds={"on_time": found.on_time},
        category_points=0,
    )


def _facts(transactions: Iterable[Transaction]) -> list[Event]:
    return [_reversed(t) if t.kind is Kind.REVERSAL else _posted(t) for t in transactions]


def _posted(transaction: Transaction) -> PointsPosted:
    return PointsPosted(
        tenant=transaction.tenant,
        occurred_at=transaction.occurred_at,
        transaction_id=transaction.id,
        member_id=transaction.member_id,
        org_id=transaction.org_id,
        points=transaction.points,
        rule=transaction.rule,
        rules_version=transaction.rules_version,
        dimension=transaction.dimension,
        cause_id=transaction.cause_id,
        case_id=transaction.case_id,
    )


def _reversed(transaction: Transaction) -> PointsReversed:
    assert transaction.reverses is not None
    return PointsReversed(
        tenant=transaction.tenant,
        occurred_at=transaction.occurred_at,
        transaction_id=transaction.id,
        reverses=transaction.reverses,
        member_id=transaction.member_id,
        org_id=transaction.org_id,
        points=transaction.points,
        reason=str(transaction.because),
        cause_id=transaction.cause_id,
        case_id=transaction.case_id,
    )
