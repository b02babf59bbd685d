"""Cursors, cells of spreadsheets, and how every service describes its refusals."""

import csv
from io import StringIO
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.http import RefusedRequest
from libs.chassis.pages import csv_lines, decode_cursor, encode_cursor, escape_formula
from libs.sheets.workbook import FORMULA


@given(st.uuids())
def test_a_cursor_leads_back_to_where_the_page_ended(id: UUID) -> None:
    assert decode_cursor(encode_cursor(id)) == id


@pytest.mark.parametrize("after", ["", "?", "AAAA", "x" * 100, "中"])
def test_what_was_never_given_out_is_refused(after: str) -> None:
    with pytest.raises(RefusedRequest) as refusal:
        decode_cursor(after)
    assert refusal.value.refused.status == 422


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2), min_size=1))
def test_no_cell_is_taken_for_a_formula_and_none_is_lost(rows: list[list[str]]) -> None:
    read = list(csv.reader(StringIO(csv_lines(rows), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell[:1] in FORMULA and cell for row in read for cell in row)


def test_what_is_harmless_stays_as_it_is() -> None:
    assert [escape_formula(value) for value in (None, 3, "路灯", "a=b", "=1+1", "＝1", "@x")] == [
        "",
        "3",
        "路灯",
        "a=b",
        "'=1+1",
        "'＝1",
        "'@x",
    ]
