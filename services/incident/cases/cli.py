"""`wangge case`: shows a case with its timeline, and checks that no timeline was changed after it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console

from libs.chassis.db.database import Record
from libs.cli.database import opened
from libs.cli.options import Tenant, language
from libs.cli.running import Refusal, report_errors, run
from libs.cli.settings import OperatorSettings
from libs.contracts.values import REQUEST_KINDS
from libs.sentences import Language, Sentence, counted
from libs.street_time import local_minutes
from services.incident.cases import audit, tables
from services.incident.cases.domain.case import TRANSITIONS
from services.incident.cases.domain.history import broken
from services.incident.cases.domain.refusals import no_case
from services.incident.cases.domain.words import STEPS, in_order

NAMED_AT_MOST = 100
NAME_COLUMNS = 13
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
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

    # Whatever is longer than a line of the terminal goes on in the next one: an id that is cut is no id.
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for name, value in _about(case, language()):
        title = name.told(language())
        console.print(f"{title}{' ' * (NAME_COLUMNS - cell_len(title))}{_plain(value)}")
    for each in steps:
        words = STEPS.get(each.step, {}).get(language(), "")
        console.print(f"\n{_at(each.happened_at)}  {each.step}  {words}".rstrip())
        for detail, value in each.details.items():
            if said := _said(value):
                console.print(f"  {detail} {_plain(said)}")


def _about(case: Record, language: Language) -> Iterator[tuple[Sentence, str]]:
    names = (case.category_name, case.category_name_en)
    yield Sentence("案件", "case"), case.case_no
    yield Sentence("状态", "state"), _named(case.state, TRANSITIONS.states[case.state], language)
    yield Sentence("类别", "category"), _named(case.category, names[language is Language.EN] or names[0])
    yield Sentence("上报方式", "kind"), _named(case.request_kind, REQUEST_KINDS[case.request_kind], language)
    yield Sentence("地点", "place"), case.place_name or ""
    if case.longitude is not None:
        yield Sentence("坐标", "point"), f"{case.longitude}, {case.latitude}"
    if case.component:
        yield Sentence("部件", "component"), case.component
    yield Sentence("内容", "text"), case.text
    yield Sentence("来源", "sender"), case.sender
    yield Sentence("上报时间", "reported at"), _at(case.reported_at)
    yield Sentence("处置时限", "handle by"), _at(case.handle_by)
    if case.closed_at:
        yield Sentence("结案时间", "closed at"), _at(case.closed_at)
    if case.reopened_times:
        times = Sentence(f"{case.reopened_times} 次", counted(case.reopened_times, "time"))
        yield Sentence("重新立案", "reopened"), times.told(language)


def _named(code: str, name: str, language: Language = Language.ZH) -> str:
    """A code with its name; an English code says what it is by itself."""
    return f"{code} {name}" if language is Language.ZH else code


def _said(value: Any) -> str:
    """A detail of a step as a person writes it; nothing for what is not known."""
    match value:
        case None | "" | [] | {}:
            return ""
        case bool():
            return Sentence("是" if value else "否", "yes" if value else "no").told(language())
        case str() if MOMENT.fullmatch(value):
            return _at(datetime.fromisoformat(value))
        case list():
            return ", ".join(filter(None, map(_said, value)))
        case dict():
            return "; ".join(f"{name} {said}" for name, each in value.items() if (said := _said(each)))
        case _:
            return str(value)


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
    every_link = Sentence(
        f"{cases} 件案件，{entries} 条记录，环环相扣。",
        f"{counted(cases, 'case')} with {counted(entries, 'entry')}: every link holds.",
    )
    print(every_link.told(language()))


def _at(time: datetime | None) -> str:
    return local_minutes(time) if time else ""


def _plain(text: str) -> str:
    """What people sent in may hold sequences that a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\u3000" else "�" for c in text)
