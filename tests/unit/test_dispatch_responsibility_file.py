"""The responsibility list as a file: every bad cell is named, and what was written reads back the same."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from libs.contracts.values import HIDDEN, Level, Registration, RequestKind
from libs.sheets import workbook
from libs.sheets.mistakes import Mistaken
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.responsibility import file as responsibility_file
from services.dispatch.responsibility.domain.columns import COLUMNS
from services.dispatch.street.domain.responsibility import (
    ANSWERING,
    FOR_EVER,
    FROM_EVER,
    Condition,
    Hours,
    Responsibility,
)

ROOT = "370784004"
UNITS = (ROOT, f"{ROOT}201")
LINE = {
    "category": "11001",
    "name_zh": "路灯不亮",
    "name_en": "Lamp out",
    "area": "public_services",
    "kind": "component",
    "registration": "automatic",
    "start_level": "micro_grid",
    "org_kind": "party_group",
    "skills": "electrician",
    "claim_amount": "4",
    "claim_unit": "work_hour",
    "handle_amount": "2",
    "handle_unit": "work_day",
    "check_amount": "1",
    "check_unit": "work_day",
    "evidence": "photo",
    "points": "5",
    "standard_ref": "GB/T 30428.2",
    "condition": "",
    "effective_from": "",
    "effective_until": "",
}


def line(**cells: str) -> dict[str, str]:
    return LINE | cells


def as_csv(*lines: dict[str, Any]) -> bytes:
    out = StringIO()
    writer = csv.DictWriter(out, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def as_xlsx(*rows: list[Any]) -> bytes:
    book, out = Workbook(), BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


def read(content: bytes) -> list[Responsibility]:
    return responsibility_file.read(content, UNITS).rows


def wrong(content: bytes) -> list[str]:
    with pytest.raises(Mistaken) as error:
        read(content)
    return list(map(str, error.value.mistakes))


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
).map(lambda t: HIDDEN.sub("", f"灯{t}").strip())
clocks = st.builds(Clock, st.integers(1, 1000), st.sampled_from(TimeUnit))


def rows_of(category: str) -> st.SearchStrategy[Responsibility]:
    levels = st.sampled_from(Level)
    return levels.flatmap(
        lambda level: st.builds(
            Responsibility,
            category=st.just(category),
            name_zh=texts,
            name_en=texts,
            area=texts,
            registration=st.sampled_from(Registration),
            start_level=st.just(level),
            org_kind=st.just(ANSWERING[level]),
            skills=st.frozensets(st.sampled_from(["plumber", "legal", "nurse"])),
            clocks=st.builds(Clocks, clocks, clocks, clocks),
            evidence=st.sampled_from(["none", "note", "photo"]),
            points=st.integers(0, 1000),
            kind=st.sampled_from(["component", "matter"]),
            standard_ref=st.just("") | texts,
            condition=st.builds(
                Condition,
                st.none() | st.sampled_from(UNITS),
                st.none() | st.sampled_from(RequestKind),
                st.none() | st.sampled_from(Hours),
            ),
            effective_from=st.just(FROM_EVER) | st.dates(date(2026, 1, 1), date(2027, 1, 1)),
            effective_until=st.just(FOR_EVER) | st.dates(date(2027, 1, 2), date(2028, 1, 1)),
            version=st.just(1),
        )
    )


lists = st.lists(st.integers(0, 99_999).map("{:05}".format), min_size=1, max_size=5, unique=True).flatmap(
    lambda codes: st.tuples(*map(rows_of, codes)).map(list)
)


@given(lists, st.booleans())
def test_a_csv_file_reads_back_as_the_list_that_was_written(rows: list[Responsibility], chinese: bool) -> None:
    assert read(responsibility_file.as_csv(rows, chinese=chinese)) == rows


@given(lists, st.booleans())
def test_a_workbook_reads_back_as_the_list_that_was_written(rows: list[Responsibility], chinese: bool) -> None:
    assert read(responsibility_file.as_xlsx(rows, chinese=chinese)) == rows


def test_a_clerk_s_columns_and_words_are_read_as_those_of_the_programs() -> None:
    [row] = read(as_csv(line()))
    clerks = responsibility_file.as_csv([row], chinese=True).decode("utf-8-sig").splitlines()
    assert clerks[0].startswith("类别代码,类别名称,英文名称,领域,部件或事项,立案方式,起始层级,责任组织")
    assert clerks[1].startswith("11001,路灯不亮,Lamp out,public_services,部件,自动立案,微网格,网格党小组")
    mixed = {COLUMNS[name].zh if at % 2 else name: cell for at, (name, cell) in enumerate(reversed(LINE.items()))}
    assert read(as_csv(mixed)) == [row]


def test_what_spreadsheets_make_of_codes_and_days_is_understood() -> None:
    cells: dict[str, Any] = {**LINE, "category": 11001, "points": 5.0, "claim_amount": 4}
    cells |= {"effective_from": date(2027, 1, 1), "effective_until": "2027/12/1"}
    [row] = read(as_xlsx(list(cells), list(cells.values())))
    assert (row.category, row.points, row.clocks.claim.amount) == ("11001", 5, 4)
    assert (row.effective_from, row.effective_until) == (date(2027, 1, 1), date(2027, 12, 1))
    [row] = read(as_csv(line(effective_from="2027年1月5日", effective_until="2027.12.31")))
    assert (row.effective_from, row.effective_until) == (date(2027, 1, 5), date(2027, 12, 31))


def test_a_list_without_conditions_and_days_needs_no_columns_for_them() -> None:
    [row] = read(as_csv({name: cell for name, cell in LINE.items() if not COLUMNS[name].optional}))
    assert (row.condition, row.effective_from, row.effective_until) == (Condition(), FROM_EVER, FOR_EVER)


CELLS = [
    ("category", "1001", "line 2, category: '1001' is not of the right form (five digits, such as"),
    ("category", "١١٠٠١", "line 2, category: "),
    ("name_zh", "", "line 2, name_zh: may not be empty (1 to 100 characters)"),
    ("name_zh", "x" * 101, f"line 2, name_zh: '{'x' * 40}' may have 100 characters at most (1 to 100 characters)"),
    ("name_en", "=1+1", "line 2, name_en: '=1+1' begins with =, which a spreadsheet takes for a formula (up to 100"),
    ("kind", "thing", "line 2, kind: 'thing' is none of the words that may stand here (component 部件, matter 事项)"),
    (
        "registration",
        "later",
        "line 2, registration: 'later' is none of the words that may stand here (automatic 自动立案",
    ),
    (
        "start_level",
        "村",
        "line 2, start_level: '村' is none of the words that may stand here (street 街道, community 社区",
    ),
    (
        "skills",
        "=水工",
        "line 2, skills: '=水工' begins with =, which a spreadsheet takes for a formula (words such as",
    ),
    ("skills", "x" * 41, f"line 2, skills: '{'x' * 40}' may have 40 characters at most"),
    ("claim_amount", "0", "line 2, claim_amount: '0' must be 1 or more (a whole number from 1 to 1000)"),
    ("handle_amount", "soon", "line 2, handle_amount: 'soon' must be a whole number"),
    ("check_unit", "weeks", "line 2, check_unit: 'weeks' is none of the words that may stand here (work_hour 工作时"),
    ("evidence", "video", "line 2, evidence: 'video' is none of the words that may stand here (none 无, note 文字"),
    ("points", "-1", "line 2, points: '-1' must be 0 or more"),
    ("points", "1001", "line 2, points: '1001' must be 1000 or less"),
    ("standard_ref", "x" * 101, "line 2, standard_ref: "),
    ("condition", "weather=wet", "line 2, condition: weather=wet is no term: unit=…"),
    ("condition", "unit=370784009", "line 2, condition: 370784009 is no unit of the street"),
    (
        "effective_from",
        "2027-02-30",
        "line 2, effective_from: '2027-02-30' is a day that does not exist (the first day",
    ),
    ("effective_until", "soon", "line 2, effective_until: 'soon' is no day (the last day, such as"),
    ("effective_from", "1999-01-01", "line 2, effective_from: '1999-01-01' must be in the years 2004 to 2099"),
    ("org_kind", "branch", "line 2, org_kind: branch must be party_group, since the category starts at micro_grid"),
]


@pytest.mark.parametrize(("column", "cell", "told"), CELLS)
def test_a_bad_cell_is_named_with_what_would_be_right(column: str, cell: str, told: str) -> None:
    [bad] = wrong(as_csv(line(**{column: cell})))
    assert bad.startswith(told)


def test_every_bad_cell_of_a_file_is_named_at_once() -> None:
    bad = wrong(as_csv(line(points="many", evidence="film"), line(category="11002"), line(category="x", area="")))
    assert [each.partition(": ")[0] for each in bad] == [
        "line 2, evidence",
        "line 2, points",
        "line 4, category",
        "line 4, area",
    ]


def test_a_cell_is_named_by_the_column_s_name_in_the_file() -> None:
    chinese = {COLUMNS[name].zh: cell for name, cell in line(points="很多").items()}
    assert wrong(as_csv(chinese))[0].startswith("line 2, 积分: '很多' must be a whole number")


def _without(column: str) -> dict[str, str]:
    return {name: cell for name, cell in LINE.items() if name != column}


WHOLE = {
    "another encoding": (
        as_csv(line()) + b"\xff",
        "line 3: neither UTF-8 nor GB18030: save the file as “CSV UTF-8” or as .xlsx",
    ),
    "a missing column": (as_csv(_without("points")), r"line 1, points: the column points \(积分\) is missing"),
    "a column twice": (
        as_csv({**LINE, "积分": "5"}),
        "line 1, 积分: the column points stands there twice",
    ),
    "a cell too few": (as_csv(line()) + b"11002,x\r\n", "line 3: 2 cells instead of 21"),
    "a cell too many": (as_csv(line())[:-2] + b",x\r\n", "line 2: 22 cells instead of 21"),
    "no rows": (as_csv(line()).splitlines()[0], "line 2: there are no rows"),
    "nothing": (b"", "line 1: the file is empty"),
    "no header": (
        as_csv(line()).split(b"\n", 1)[1],
        "line 1: no line names the columns: one of the first 30 must have",
    ),
    "an open quote": (as_csv(line()) + b'"11002,x\r\n', "line 3: unexpected end of data: a quote or a comma is amiss"),
    "an old workbook": (workbook.OLD_EXCEL + b"...", "a workbook of the old kind"),
    "half a workbook": (as_xlsx(list(LINE))[:500], "begins as a workbook .* does, and is none that can be read"),
    "too many bytes": (b"," * (workbook.OVER_HTTP.bytes + 1), "the file has more than 4 MiB"),
    "too many lines": (b"x\n" * (workbook.OVER_HTTP.lines + 1), "line 5001: a file may have 5000 lines at most"),
}


@pytest.mark.parametrize("mistake", WHOLE)
def test_a_file_that_is_no_list_says_why(mistake: str) -> None:
    content, told = WHOLE[mistake]
    with pytest.raises(Mistaken, match=told):
        read(content)


BESIDE: dict[str, tuple[dict[str, str], str]] = {
    "the same row twice": ({}, "line 3, category: 11001 is in line 2 already"),
    "the same condition, written otherwise": (
        {"condition": "hours = off ；request_kind=errand", "effective_from": "2027-01-01"},
        "line 3, effective_from: 11001 for request_kind=errand;hours=off from 2027-01-01 is in line 2 already, "
        "which applies from 2026-06-01 until 2027-01-01",
    ),
    "another name at the same time": (
        {"condition": "hours=off", "name_zh": "灯不亮"},
        "line 3, name_zh: 灯不亮 must be 路灯不亮, as in line 2 of 11001",
    ),
}


@pytest.mark.parametrize("mistake", BESIDE)
def test_lines_that_cannot_stand_beside_one_another_are_named(mistake: str) -> None:
    cells, told = BESIDE[mistake]
    first = line()
    if "effective_from" in cells:
        first |= {"condition": "request_kind=errand;hours=off"}
        first |= {"effective_from": "2026-06-01", "effective_until": "2027-01-01"}
    assert wrong(as_csv(first, line(**cells))) == [told]


def test_another_name_from_another_day_on_is_no_mistake() -> None:
    old, new = line(effective_until="2026-12-31"), line(effective_from="2027-01-01", name_zh="路灯故障")
    assert len(read(as_csv(old, new))) == 2


def test_a_last_day_before_the_first_is_named() -> None:
    assert wrong(as_csv(line(effective_from="2027-01-02", effective_until="2027-01-01"))) == [
        "line 2, effective_until: 2027-01-01 is before 2027-01-02 (the last day, such as 2027-12-31, or nothing)"
    ]


def test_a_formula_is_never_computed_and_never_taken() -> None:
    cells = [*LINE.values()]
    cells[list(LINE).index("points")] = "=2+3"
    assert wrong(as_xlsx(list(LINE), cells)) == ["line 2, points: a formula stands there: paste its value instead"]


def _bomb(content: bytes) -> bytes:
    """A workbook of a few kilobytes that would fill the memory."""
    out = BytesIO()
    with ZipFile(BytesIO(content)) as whole, ZipFile(out, "w", ZIP_DEFLATED) as bomb:
        for name in whole.namelist():
            bomb.writestr(name, whole.read(name))
        bomb.writestr("xl/media/image1.png", bytes(workbook.OVER_HTTP.unpacked_bytes))
    return out.getvalue()


def _entities(content: bytes) -> bytes:
    out = BytesIO()
    laughs = '<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;">]>'
    with ZipFile(BytesIO(content)) as whole, ZipFile(out, "w", ZIP_DEFLATED) as bomb:
        for name in whole.namelist():
            text = whole.read(name)
            bomb.writestr(name, laughs.encode() + text if name.endswith("sheet1.xml") else text)
    return out.getvalue()


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a zip bomb": (_bomb, "more than 16 MiB when unpacked"),
    "entities in XML": (_entities, "is none that can be read"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_workbook_that_would_fill_the_memory_is_not_unpacked(kind: str) -> None:
    spoil, told = HOSTILE[kind]
    content = spoil(as_xlsx(list(LINE), list(LINE.values())))
    assert len(content) < 100_000
    with pytest.raises(Mistaken, match=told):
        read(content)


def test_a_cell_far_out_costs_nothing_and_is_named() -> None:
    book, out = Workbook(), BytesIO()
    sheet = book.worksheets[0]
    sheet.append(list(LINE))
    sheet.append(list(LINE.values()))
    sheet["XFD1048576"] = "x"
    book.save(out)
    assert wrong(out.getvalue()) == ["line 1048576: a sheet may have 60 columns at most"]
    del sheet["XFD1048576"]
    sheet["A1048576"], sheet["B1048576"] = "x", "灯"
    book.save(out := BytesIO())
    assert wrong(out.getvalue())[0].startswith("line 1048576, category: 'x'")


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_the_answer_is_a_refusal(content: bytes) -> None:
    for prefix in (b"", workbook.ZIP):
        with pytest.raises(Mistaken):
            read(prefix + content)


def test_a_name_that_looks_like_a_formula_is_text_in_the_workbook() -> None:
    book = load_workbook(BytesIO(workbook.as_xlsx([["a"], ["=1+1"]], "x")))
    assert book.worksheets[0]["A2"].data_type == "s"


def test_a_list_may_do_without_english_names_conditions_and_days() -> None:
    needless = ("name_en", "condition", "effective_from", "effective_until")
    [row] = read(as_csv({name: cell for name, cell in LINE.items() if name not in needless}))
    assert (row.name_en, row.condition, row.effective_from, row.effective_until) == (
        "",
        Condition(),
        FROM_EVER,
        FOR_EVER,
    )
