"""`make demo`: a working morning of the demonstration street in under a minute, with every number reconciled."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from deploy.local.linghe import street
from deploy.local.morning import patrols, planned_reports
from deploy.local.morning.play import PlayedMorning, play_morning
from deploy.local.morning.progress import STREET_ZONE, ProgressDisplay, Tally
from deploy.local.morning.scenarios import with_scenarios
from deploy.local.reconciliation import check, databases, summary, timelines
from deploy.local.reconciliation.at_rest import wait_until_at_rest
from deploy.local.system import TENANT, LocalSystem, clock_that_shows, empty
from services.dispatch.calendar.domain import NATIONAL

FOLDER = Path(".wangge/demo")
REPORTS = 600
TIMES = 4
"""How often each scenario is played."""
SPEED = 360.0
BEGINS, LASTS = timedelta(hours=8), timedelta(hours=4)
SETTING_UP = timedelta(seconds=8)
# A sweep looks for due timers in real time: at this speed half a second would be three minutes of the street's.
SETTINGS = {"WANGGE_SWEEP_SECONDS": "0.25"}


def main() -> int:
    console, begun = Console(), time.monotonic()
    empty(FOLDER)
    here = street.build()
    plans = with_scenarios(planned_reports.plan_morning(here, REPORTS), here, TIMES)
    at = datetime.now(UTC) + SETTING_UP
    clock = clock_that_shows(_last_working_day() + BEGINS, at, SPEED)
    with LocalSystem(FOLDER, durable=False, clock=clock, settings=SETTINGS, say=console.print) as local:
        console.print(f"A morning of {REPORTS} reports, {SPEED:.0f} times as fast as the clock on the wall:\n")
        tally = Tally(REPORTS + patrols.FINDINGS)
        with ProgressDisplay(tally, console) as display:
            work = play_morning(local, here, plans, lasts=LASTS, tally=tally, tick=lambda: display.tick(clock.now()))
            played = asyncio.run(work)
        held = asyncio.run(conclude(local, played, console))
    console.print(f"\n{time.monotonic() - begun:.0f} seconds in all.")
    return 0 if held else 1


def _last_working_day() -> datetime:
    """Midnight of today, or of the last day before it on which the street works."""
    day = datetime.now(STREET_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    while not NATIONAL.is_worked(day.date()):
        day -= timedelta(days=1)
    return day


async def conclude(local: LocalSystem, played: PlayedMorning, console: Console) -> bool:
    """Waits until all is at rest, shows what it came to, and reconciles; whether every check holds."""
    left = await wait_until_at_rest(local)
    console.print()
    ended = await summary.ended_by_level(local)
    outcomes, of_day = await timelines.check_timelines(local.database_url, TENANT, played.sent, ended)
    await summary.show(local, played, outcomes, ended, console)
    console.print("\nReconciliation of what was sent and what the four databases hold:")
    checks = await databases.reconcile(local.database_url, TENANT, played.sent, played.visits)
    checks += of_day
    checks.append(check.Check("nothing is under way any more", tuple(left)))
    checks.append(check.Check("nothing happened that must not happen", tuple(played.surprises)))
    return check.show(checks, console)
