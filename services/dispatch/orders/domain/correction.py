"""What becomes of an order when the desk corrects its case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.dispatch import HelpCause, OrderCorrected, OrderMoved
from libs.contracts.reasons import Reason, Why
from services.dispatch.calendar.domain import deadline
from services.dispatch.orders.domain.appointment import claim_deadline, handle_deadline
from services.dispatch.orders.domain.help import Help
from services.dispatch.orders.domain.helping import call_off, go_on, told_asked
from services.dispatch.orders.domain.offering import NewCase, make, offer
from services.dispatch.orders.domain.order import HELD, Changed, Move, Order, Refusal, about, move_to
from services.dispatch.routing.domain import RoutedTo, Unrouted
from services.dispatch.street.domain.street import Street
from services.dispatch.workload.domain import Workload


def correct(
    order: Order,
    case: NewCase,
    corrections: int,
    reason: str,
    routed: RoutedTo | Unrouted,
    street: Street,
    workload: Workload,
    now: datetime,
) -> Changed:
    """The order of the case as it is now. `corrections` counts them: of two in the wrong order the later one holds.

    What the order says is corrected whatever its state. Where it goes, by when and for how many points changes while
    it is still to be done, and only where its category, kind or place was corrected:
    - routed to another unit, it begins again there, and whoever had it is told that they do not have it any more;
    - in the same unit, under another row of the list, whoever has it keeps it if they have one of the skills, with the
      whole time of the new row, as if it were made now; else it is offered anew;
    - in the same unit under the same row it stays with whom it is, and its clocks go on.
    """
    if corrections <= order.corrections:
        return Changed(order, ())
    said = replace(order, **case.carried(), corrections=corrections)
    if said.component != order.component:
        named = said.component.explained() if said.component else ()
        said = replace(said, because=(*order.because, Reason(Why.CORRECTED, {"reason": reason}), *named))
    if isinstance(move_to(order, Move.CORRECT), Refusal):
        return Changed(said, ())
    if said.place != order.place:
        said = _where_it_may_lie(said, routed, reason)
    now = order.next_moment(now)
    same_row = (said.category, said.request_kind) == (order.category, order.request_kind)
    if same_row and (said.place == order.place or routed.unit.code == order.unit):
        return _told(replace(said, moved_at=now), order, reason, street, now)
    again, first = make(order.order_id, case, routed, street, workload, now)
    again = replace(again, because=(Reason(Why.CORRECTED, {"reason": reason}), *again.because))
    if routed.unit.code == order.unit and _has_the_skill(order, again.skills, street):
        return _told(_under_another_row(said, again, street, now), order, reason, street, now)
    again = replace(
        again,
        offers=order.offers,
        held_by=order.held_by,
        given_back_by=order.given_back_by if again.unit == order.unit else (),
        rework_count=order.rework_count,
        appointment_changes=order.appointment_changes,
        in_kpis=order.in_kpis,
        corrections=corrections,
        asked=order.asked,
        answered=order.answered,
        reporter_answers=order.reporter_answers,
        paused_at=order.paused_at and now,
    )
    stay = again.unit == order.unit
    order = replace(order, helpers=_helpers_so_far(order, street, now)) if stay else order
    asked = () if stay else again.helpers
    ended = call_off(order, () if stay else order.open_helpers, HelpCause.ORDER_MOVED, reason, street, now)
    again = replace(again, helpers=(*ended.order.helpers, *asked))
    here = street.units[order.unit]
    moved = OrderMoved(
        **_said(again, reason, street, now),
        from_unit=here.code,
        from_unit_name=here.name,
        from_org=order.org_id,
        to_level=again.level,
        taken_from=tuple(m for m in order.people if m == order.member_id or m not in first),
    )
    offered = offer(again, first, street, now)
    return Changed(offered.order, (moved, *offered.facts, *ended.facts, *told_asked(again, asked, street, now)))


def _where_it_may_lie(said: Order, routed: RoutedTo | Unrouted, reason: str) -> Order:
    """By its corrected place; the explanation goes on where that is another answer."""
    may_lie_in = routed.may_lie_in if isinstance(routed, RoutedTo) else ()
    if may_lie_in == said.may_lie_in:
        return said
    because = (*said.because, Reason(Why.CORRECTED, {"reason": reason}), *routed.because)
    return replace(said, may_lie_in=may_lie_in, because=because)


def _has_the_skill(order: Order, skills: frozenset[str], street: Street) -> bool:
    """Whether the member who has the order may go on with it: nobody need have what nobody near has."""
    member = street.members.get(order.member_id) if order.member_id else None
    if member is None:
        return False
    return not skills or bool(member.skills & skills) or not street.candidates.near(order.unit, skills, 1).skilled


def _under_another_row(said: Order, again: Order, street: Street, now: datetime) -> Order:
    """The member goes on, under another row of the list.

    Of a suspended order the new time begins when it goes on; while the reporter is asked it stands still from now on.
    """
    clocks, calendar, appointment = again.clocks, street.calendar, said.appointment
    claim_by = claim_deadline(said.suspended_at or now, clocks.claim, appointment, calendar)
    handle_by = handle_deadline(claim_by, clocks.handle, appointment, calendar)
    return replace(
        said,
        evidence=again.evidence,
        points=again.points,
        skills=again.skills,
        clocks=clocks,
        because=again.because,
        responsibility_version=again.responsibility_version,
        stage_began_at=now if said.state in HELD else said.stage_began_at,
        handle_by=handle_by,
        check_by=deadline(handle_by, clocks.check, calendar),
        spent=timedelta(0),
        moved_at=now,
        paused_at=said.paused_at if said.suspended_at else said.paused_at and now,
        helpers=_helpers_so_far(said, street, now),
    )


def _helpers_so_far(order: Order, street: Street, now: datetime) -> tuple[Help, ...]:
    """A pause counts from now on; a helper with a deadline of their own has what it took until now besides."""
    if order.paused_at is None or order.suspended_at is not None:
        return order.helpers
    return go_on(order, order.paused_at, now, street)


def _told(after: Order, before: Order, reason: str, street: Street, now: datetime) -> Changed:
    """Whose turn it is has it still, and hears what is different."""
    fact = OrderCorrected(**_said(after, reason, street, now), member_ids=before.people)
    return Changed(after, (fact,))


def _said(order: Order, reason: str, street: Street, now: datetime) -> dict[str, Any]:
    return {
        **about(order, now),
        "case_no": order.case_no,
        "category": order.category,
        "category_name": order.category_name,
        "summary": order.summary,
        "place": order.place,
        "unit": order.unit,
        "unit_name": street.units[order.unit].name,
        "org_id": order.org_id,
        "reason": reason,
        "claim_by": order.claim_by,
        "handle_by": order.handle_by,
        "check_by": order.check_by,
        "because": order.because,
        "responsibility_version": order.responsibility_version,
    }
