"""`make demo`: a working morning of the demonstration street in under a minute, with every number reconciled."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from deploy.local import journal, patrols, reconcile, reports, street, summary
from deploy.local.at_rest import wait_until_at_rest
from deploy.local.local_street import TENANT, LocalStreet, clock_that_shows, empty
from deploy.local.play import Played, play
from deploy.local.plots import with_plots
from deploy.local.progress import STREET_ZONE, Display, Tally
from deploy.local.run import told
from services.dispatch.domain.calendar import NATIONAL

FOLDER = Path(".wangge/demo")
REPORTS = 600
TIMES = 4
"""How often each plot is played."""
SPEED = 360.0
BEGINS, LASTS = timedelta(hours=8), timedelta(hours=4)
SETTING_UP = timedelta(seconds=8)
# A sweep looks for due timers in real time: at this speed half a second would be three minutes of the street's.
SETTINGS = {"WANGGE_SWEEP_SECONDS": "0.25"}


def main() -> int:
    console, begun = Console(), time.monotonic()
    empty(FOLDER)
    here = street.build()
    plans = with_plots(reports.morning(here, REPORTS), here, TIMES)
    at = datetime.now(UTC) + SETTING_UP
    clock = clock_that_shows(_last_working_day() + BEGINS, at, SPEED)
    with LocalStreet(FOLDER, durable=False, clock=clock, settings=SETTINGS, say=console.print) as local:
        console.print(f"A morning of {REPORTS} reports, {SPEED:.0f} times as fast as the clock on the wall:\n")
        tally = Tally(REPORTS + patrols.FINDINGS)
        with Display(tally, console) as display:
            work = play(local, here, plans, lasts=LASTS, tally=tally, tick=lambda: display.tick(clock.now()))
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


async def conclude(local: LocalStreet, played: Played, console: Console) -> bool:
    """Waits until all is at rest, shows what it came to, and reconciles; whether every check holds."""
    left = await wait_until_at_rest(local)
    console.print()
    ended = await summary.ended_by_level(local)
    plots, of_day = await journal.of_day(local.database_url, TENANT, played.sent, ended)
    await summary.show(local, played, plots, ended, console)
    console.print("\nReconciliation of what was sent and what the four databases hold:")
    checks = await reconcile.reconcile(local.database_url, TENANT, played.sent, played.visits)
    checks += of_day
    checks.append(reconcile.Check("nothing is under way any more", tuple(left)))
    checks.append(reconcile.Check("nothing happened that must not happen", tuple(played.surprises)))
    return reconcile.show(checks, console)


if __name__ == "__main__":
    sys.exit(told(main, when_interrupted=130))
