"""What the services write and say on a case's way, as numbers: the bare chains do the same.

Rows are those that are inserted, changed and deleted for one case (pg_stat_user_tables, beside inbox and outbox).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from libs.contracts.dispatch import (
    InspectionAssigned,
    OrderChecked,
    OrderClaimed,
    OrderDispatched,
    OrderHandled,
    OrderOffered,
)
from libs.contracts.incident import CaseClosed, CaseRegistered, CaseReported, CaseResolved
from libs.contracts.message import Event, Message
from libs.contracts.notify import NotificationDelivered
from libs.contracts.scoring import PointsPosted


@dataclass(frozen=True, slots=True)
class Step:
    """What follows in one transaction: so many rows, these facts, and where `webhook` says so one that is due."""

    rows: int
    facts: tuple[type[Event], ...] = ()
    webhook: bool = False


Cause = type[Event] | str
"""A fact that a service hears, or a request by the last part of its path."""
Steps = Mapping[str, Mapping[Cause, Step]]
"""By service, what each cause leads to."""

NOBODY_IS_TOLD = Step(0)
SENT: tuple[type[Event], ...] = (NotificationDelivered,)
"""What follows when a webhook was sent."""

# A timeline's two entries beside the row of the case.
INTAKE: Steps = {"incident": {"reports": Step(2, (CaseReported, CaseRegistered))}}
QUEUED: Steps = {
    # The case and an entry of its timeline.
    "incident": {**INTAKE["incident"], OrderDispatched: Step(2)},
    # An order and its two timers.
    "dispatch": {CaseRegistered: Step(3, (OrderDispatched, OrderOffered))},
    # A case; a notice, and for each of three members a delivery in the app and one by mail.
    "notify": {CaseReported: Step(1), CaseRegistered: NOBODY_IS_TOLD, OrderOffered: Step(7)},
}
ATTEMPT: Steps = {
    **QUEUED,
    # The reporter's key, contact and case; a notice, its delivery being the webhook; a notice and three deliveries.
    "notify": {CaseReported: Step(3), CaseRegistered: Step(1, webhook=True), OrderOffered: Step(4)},
}
LIFE: Steps = {
    "incident": {
        **QUEUED["incident"],
        OrderClaimed: Step(2),
        OrderHandled: Step(2, (CaseResolved,)),
        # And a timer.
        OrderChecked: Step(3, (CaseClosed,)),
    },
    "dispatch": {
        **QUEUED["dispatch"],
        # The order, its member's load, two timers.
        "claim": Step(4, (OrderClaimed,)),
        # As before with one timer; the evidence, an inspection and its timer.
        "hand_in": Step(6, (OrderHandled, InspectionAssigned)),
        # The order, the inspection, and their timers.
        "check": Step(4, (OrderChecked,)),
    },
    # The order, three transactions, nine postings, the balances of four accounts.
    "scoring": {OrderChecked: Step(17, (PointsPosted,) * 3)},
    "notify": {
        **QUEUED["notify"],
        OrderClaimed: NOBODY_IS_TOLD,
        OrderChecked: NOBODY_IS_TOLD,
        CaseClosed: NOBODY_IS_TOLD,
        # A notice and two deliveries; a notice and one.
        InspectionAssigned: Step(3),
        PointsPosted: Step(2),
    },
}
CHAINS = {"intake": INTAKE, "queued": QUEUED, "attempt": ATTEMPT, "life": LIFE}


def name(cause: Cause) -> str:
    return cause if isinstance(cause, str) else cause.message_name


def consumed(steps: Steps) -> dict[str, list[type[Message]]]:
    """The facts that each service hears."""
    return {service: [cause for cause in of if not isinstance(cause, str)] for service, of in steps.items()}


def written(steps: Steps) -> dict[str, tuple[int, int]]:
    """By service, the rows and the facts of one case that goes the whole way, each request being made once."""
    rows, facts = Counter[str](), Counter[str]()
    left: list[Cause] = [cause for of in steps.values() for cause in of if isinstance(cause, str)]
    while left:
        cause = left.pop()
        for service, step in ((service, of[cause]) for service, of in steps.items() if cause in of):
            following = step.facts + SENT * step.webhook
            rows[service] += step.rows
            facts[service] += len(following)
            left += following
    return {service: (rows[service], facts[service]) for service in steps}
