"""The reports of a trial: as few as meet everything that may become of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deploy.local.morning import planned_reports
from deploy.local.morning.planned_reports import Outcome, PlannedReport
from deploy.local.morning.scenarios import SEWER
from tests.chaos.deeds import twins
from tests.chaos.ground import Ground
from tests.chaos.load import AT_HOME_IN
from tests.chaos.minutes import HELD_BEFORE

USUAL: tuple[Outcome, ...] = (
    *("handled",) * 4,
    *("check_fails_first",) * 2,
    "returned_first",
    "nobody_claims",
    "corrected",
    "questioned",
    "withdrawn",
    "followed",
)
TOGETHER: tuple[Outcome, ...] = (*USUAL, "extended", "helped_late", "survives", "merged")
SATISFIED = (True, True, False, False)
"""Of the first; of the others nobody asks."""
SHORT_CLOCK = "11002"
"""A category whose order must be claimed within an hour and registers itself."""
CATEGORIES: Mapping[Outcome, str] = {"nobody_claims": SHORT_CLOCK, "helped_late": SEWER}
"""Of the others any: an order whose points are to be shared has enough of them."""
PROPOSED: tuple[Outcome, ...] = ("proposed", "declined")
"""What becomes of the matters of a meeting."""


def plans(world: Ground, *, together: bool) -> Sequence[PlannedReport]:
    """`together`: with some that several have to do with, of which the last two are of the same lamp."""
    outcomes = TOGETHER if together else USUAL
    drawn = planned_reports.plan_morning(world.street, len(outcomes))
    made = [
        replace(
            plan,
            outcome=outcome,
            satisfied=SATISFIED[number] if number < len(SATISFIED) else None,
            retries=2 if number < 3 else plan.retries,
            category=CATEGORIES.get(outcome, plan.category),
            contact_email=f"r{number:04d}@residents.example",
            contact_webhook=world.webhook_url,
            at_home_in=AT_HOME_IN,
            met_before=HELD_BEFORE,
        )
        for number, (plan, outcome) in enumerate(zip(drawn, outcomes, strict=True))
    ]
    if not together:
        return made
    *usual, first, then = made
    return [*usual, *twins(first, then, "merged")]
