"""A case with its timeline, and whether timelines are what was recorded, for the person at the terminal."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from libs.chassis.database import connect, transaction
from libs.cli.running import Refusal
from libs.contracts.words import STREET_ZONE
from services.incident.domain.history import broken
from services.incident.domain.words import STATE_WORDS, STEP_WORDS, in_order
from services.incident.tables import audit, views

NAMED_AT_MOST = 100


async def show(url: str, tenant: str, case_no: str) -> None:
    """Raises Refusal when the street has no such case."""
    engine = connect(url, pool_size=1)
    try:
        async with transaction(engine) as db:
            await db.execute(text("SET TRANSACTION READ ONLY"))
            case = await views.case_by_number(db, tenant, case_no)
            if case is None:
                raise Refusal(f"The street {tenant} has no case {case_no}.")
            steps = in_order(await views.timeline(db, case))
    finally:
        await engine.close()

    about = Table(show_header=False, box=None)
    about.add_row("case", case.case_no)
    about.add_row("state", f"{case.state} {STATE_WORDS[case.state]['zh']}")
    about.add_row("category", f"{case.category} {case.category_name} ({case.category_name_en or ''})")
    about.add_row("kind", case.request_kind)
    about.add_row("place", _plain(case.place_name or f"{case.longitude}, {case.latitude}"))
    about.add_row("text", _plain(case.text))
    about.add_row("reported at", _at(case.reported_at))
    about.add_row("handle by", _at(case.handle_by))
    about.add_row("reopened", str(case.reopened_times))
    timeline = Table("at", "step", "", "details")
    for each in steps:
        words = STEP_WORDS.get(each.step, {}).get("zh", "")
        timeline.add_row(
            _at(each.happened_at), each.step, words, _plain(", ".join(f"{k} {v}" for k, v in each.details.items()))
        )
    Console(markup=False, highlight=False).print(about, timeline)


async def verify(url: str, tenant: str | None, case_no: str | None) -> None:
    """Raises Refusal, which names the first broken link of each case that has one (of the first hundred)."""
    engine = connect(url, pool_size=1, answer_seconds=None)
    cases, entries = 0, 0
    wrong: list[str] = []
    try:
        async with transaction(engine) as db:
            await db.execute(text("SET TRANSACTION READ ONLY"))
            async for history in audit.histories(db, tenant, case_no):
                cases += 1
                entries += len(history.entries)
                if (why := broken(history.entries, history.head)) and len(wrong) < NAMED_AT_MOST:
                    wrong.append(f"{history.tenant} case {history.case_no}: {why}.")
    finally:
        await engine.close()
    if case_no is not None and not cases:
        raise Refusal(f"There is no case {case_no}.")
    if wrong:
        raise Refusal("\n".join(wrong))
    print(f"{cases} cases with {entries} entries: every link holds.")


def _at(time: datetime | None) -> str:
    return f"{time.astimezone(STREET_ZONE):%Y-%m-%d %H:%M}" if time else ""


def _plain(text: str) -> str:
    """What people sent in may hold sequences that a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\u3000" else "�" for c in text)
