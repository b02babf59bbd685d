"""`wangge case`: shows a case with its timeline, and checks that no timeline was changed after it was written."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from libs.cli.database import opened
from libs.cli.options import Tenant, language
from libs.cli.running import Refusal, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.sentences import Sentence
from libs.street_time import local_minutes
from services.incident.cases import audit, tables
from services.incident.cases.domain.history import broken
from services.incident.cases.domain.refusals import no_case
from services.incident.cases.domain.words import STATE_WORDS, STEP_WORDS, in_order

NAMED_AT_MOST = 100
commands = typer.Typer()


@commands.command("show")
@report_errors
def show_case(case_no: str, tenant: Tenant) -> None:
    """A case and what happened to it, in the street's time."""
    run(_show(OperatorSettings().database_url("incident"), tenant, case_no))


@commands.command("verify")
@report_errors
def verify_cases(
    case_no: Annotated[str | None, typer.Argument(help="One case; without it, all.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this street, by its 9-digit code.")] = None,
) -> None:
    """Recompute the hash chain of timelines; 1 when one is broken, with its first broken link."""
    run(_verify(OperatorSettings().database_url("incident"), tenant, case_no))


async def _show(url: str, tenant: str, case_no: str) -> None:
    async with opened(url, read_only=True) as db:
        case = await tables.case_by_number(db, tenant, case_no)
        if case is None:
            raise Refusal(no_case(tenant, case_no).told(language()))
        steps = in_order(await tables.timeline(db, case))

    about = Table(show_header=False, box=None)
    about.add_row("case", case.case_no)
    about.add_row("state", f"{case.state} {STATE_WORDS[case.state]['zh']}")
    about.add_row("category", f"{case.category} {case.category_name} ({case.category_name_en or ''})")
    about.add_row("kind", case.request_kind)
    about.add_row("place", _plain(case.place_name or f"{case.longitude}, {case.latitude}"))
    about.add_row("component", _plain(case.component or ""))
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


async def _verify(url: str, tenant: str | None, case_no: str | None) -> None:
    """Raises Refusal, which names the first broken link of each case that has one (of the first hundred)."""
    cases, entries = 0, 0
    wrong: list[str] = []
    async with opened(url, read_only=True, answer_seconds=None) as db:
        async for history in audit.histories(db, tenant, case_no):
            cases += 1
            entries += len(history.entries)
            if (why := broken(history.entries, history.head)) and len(wrong) < NAMED_AT_MOST:
                wrong.append(f"{history.tenant} case {history.case_no}: {why}.")
    if case_no is not None and not cases:
        raise Refusal(Sentence(f"没有案件 {case_no}。", f"There is no case {case_no}.").told(language()))
    if wrong:
        raise Refusal("\n".join(wrong))
    print(f"{cases} cases with {entries} entries: every link holds.")


def _at(time: datetime | None) -> str:
    return local_minutes(time) if time else ""


def _plain(text: str) -> str:
    """What people sent in may hold sequences that a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\u3000" else "�" for c in text)
