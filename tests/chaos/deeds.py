"""What happens in a run besides reports that are handled as usual: each deed as often as every other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from deploy.local.morning.planned_reports import Outcome, PlannedReport
from deploy.local.morning.scenarios import LAMP, ROAD, SAME_AS, SQUARE, UNCERTAIN_METRES, WRITTEN, WRITTEN_AGAIN

DEEDS: tuple[Outcome, ...] = (
    "corrected",
    "questioned",
    "withdrawn",
    "followed",
    "voided",
    "sent_down",
    "passed_on",
    "raised",
    "extended",
    "refused",
    "suspended",
    "appealed",
    "supervised",
    "absent",
    "helped",
    "helped_late",
    "proposed",
    "accepted",
    "declined",
    "merged",
    "unmerged",
)
DEEDS_SHARE = 0.4
"""Of the reports that are handled as usual, in which something else happens besides."""
PROPOSALS: tuple[Outcome, ...] = ("proposed", "accepted", "declined")


def with_deeds(plans: Iterator[PlannedReport], rng: Random) -> Iterator[PlannedReport]:
    """Of the usual ones some in which the desk, organisations, reporters and neighbours do something besides.

    Drawn without putting back, so that a run of a hundred reports has every deed.
    """
    deeds = _drawn(rng)
    deed = next(deeds)
    for plan in plans:
        if plan.outcome != "handled" or plan.lies not in ("inside", "named") or rng.random() >= DEEDS_SHARE:
            yield plan
            continue
        if deed == "passed_on" and plan.point is None:
            yield plan  # The next one that has a point is passed on.
            continue
        if deed in SAME_AS:
            yield from twins(plan, next(plans), deed)
        else:
            yield with_deed(plan, deed)
        deed = next(deeds)


def _drawn(rng: Random) -> Iterator[Outcome]:
    while True:
        yield from rng.sample(DEEDS, len(DEEDS))


def with_deed(plan: PlannedReport, deed: Outcome) -> PlannedReport:
    if deed in PROPOSALS:
        proposal = {"category": SQUARE, "text": WRITTEN[SQUARE], "request_kind": "proposal", "documents": ()}
        return replace(plan, **proposal, outcome=deed, satisfied=True)  # type: ignore[arg-type]
    if deed == "sent_down":
        # Of a category that starts where there are units below.
        road = {"category": ROAD, "text": WRITTEN[ROAD], "request_kind": "snapshot", "documents": ()}
        plan = replace(plan, **road)  # type: ignore[arg-type]
    if deed == "passed_on":
        plan = replace(plan, accuracy_m=UNCERTAIN_METRES)
    return replace(plan, outcome=deed, satisfied=False if deed == "appealed" else plan.satisfied)


def twins(plan: PlannedReport, then: PlannedReport, deed: Outcome) -> tuple[PlannedReport, PlannedReport]:
    """Two reports of the same lamp, the second of which is merged into the first."""
    lamp = {"category": LAMP, "request_kind": "snapshot", "documents": (), "reported_by_member": None}
    first = replace(plan, **lamp, outcome=SAME_AS[deed], text=WRITTEN[LAMP], satisfied=True)  # type: ignore[arg-type]
    where = {name: getattr(plan, name) for name in ("point", "place_name", "lies", "expected_unit")}
    again = {**lamp, **where, "text": WRITTEN_AGAIN, "same_as": plan.idempotency_key}
    return first, replace(then, **again, outcome=deed, satisfied=None)
