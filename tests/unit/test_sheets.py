"""Sheets as offices write them: the header found, what is not ours passed over and named, mistakes in two languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Annotated, Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from pydantic import Field

from libs.sentences import Language, Sentence
from libs.sheets import forms, workbook
from libs.sheets.cells import Name, Words
from libs.sheets.forms import Column, Form, Found, SheetLine, one_of
from libs.sheets.mistakes import Mistake, Mistaken, Where
from libs.sheets.workbook import Limits

HEADER = ["代码", "名称", "类型", "人数"]


class Club(SheetLine):
    code: str
    name: Name
    kind: Annotated[str, Field(pattern="^(sport|music)$")]
    members: int = 0
    skills: Words = frozenset()


FORM = Form(
    "clubs",
    "社团",
    Club,
    {
        "code": Column("代码"),
        "name": Column("名称"),
        "kind": one_of("类型", {"sport": "体育", "music": "音乐"}),
        "members": Column("人数", Sentence("整数", "a whole number"), optional=True),
        "skills": Column("所需技能", optional=True),
    },
)


def book(*rows: list[Any], title: str = "社团", change: Callable[[Workbook], None] = lambda _: None) -> bytes:
    made, out = Workbook(), BytesIO()
    made.worksheets[0].title = title
    for row in rows:
        made.worksheets[0].append(row)
    change(made)
    made.save(out)
    return out.getvalue()


def read(content: bytes, sheet: str | None = None) -> Found[Club]:
    found = workbook.read(content)
    chosen = forms.choose(found, FORM, sheet)
    if isinstance(chosen, Mistake):
        return Found([], [chosen], [])
    return forms.read(found, chosen, FORM)


def names(found: Found[Club]) -> list[str]:
    assert found.mistakes == []
    return [each.name for each in found.lines]


def told(found: Found[Club], language: Language = Language.EN) -> list[str]:
    return [each.told(language) for each in found.mistakes]


def remarks(found: Found[Club]) -> list[str]:
    return [str(each) for each in found.remarks]


def test_a_file_as_a_chinese_excel_saves_it_is_read_and_that_is_said() -> None:
    found = read("代码,名称,类型\n1,合唱团,音乐\n".encode("gb18030"))
    assert names(found) == ["合唱团"]
    assert remarks(found) == ["read as GB18030, since it is not UTF-8"]
    assert read("代码,名称,类型\n1,合唱团,音乐\n".encode()).remarks == []


def test_the_header_is_found_below_a_title_and_a_date() -> None:
    def merge(made: Workbook) -> None:
        made.worksheets[0].merge_cells("A1:D1")

    found = read(
        book(["安丘市社团清单"], [None, None, "2026年11月"], HEADER, ["1", "合唱团", "音乐", 12], change=merge)
    )
    assert names(found) == ["合唱团"]
    assert found.lines[0].where == Where("", 4)
    assert remarks(found) == ["line 1 above the header: 安丘市社团清单", "line 2 above the header: 2026年11月"]


def test_a_header_far_below_is_none() -> None:
    above = [["说明"]] * forms.HEADER_WITHIN
    assert names(read(book(*above[1:], HEADER, ["1", "合唱团", "音乐"]))) == ["合唱团"]
    [mistake] = told(read(book(*above, HEADER, ["1", "合唱团", "音乐"])))
    assert (
        mistake == "line 1: no line names the columns: one of the first 30 must have code, name, kind, members, skills"
    )


def _with_remarks_first(made: Workbook) -> None:
    sheet = made.create_sheet("说明", 0)
    sheet.append(["本表由社区填写"])


def test_the_sheet_that_fits_is_taken_and_named() -> None:
    found = read(book(HEADER, ["1", "合唱团", "音乐"], change=_with_remarks_first))
    assert names(found) == ["合唱团"]
    assert remarks(found) == ["the sheet 社团 was taken, and not 说明"]


def test_two_sheets_that_fit_are_asked_about() -> None:
    def twice(made: Workbook) -> None:
        sheet = made.create_sheet("旧社团")
        sheet.append(HEADER)
        sheet.append(["2", "篮球队", "体育"])

    content = book(HEADER, ["1", "合唱团", "音乐"], change=twice)
    found = read(content)
    assert told(found) == [
        "the sheets 社团 and 旧社团 all look like it: name the one that is meant (sheet=… / --sheet …), or leave one"
    ]
    assert told(found, Language.ZH) == ["社团、旧社团 都像社团：请指明用哪一张（sheet=… / --sheet …），或只留一张"]
    assert names(read(content, "旧社团")) == ["篮球队"]
    assert told(read(content, "新社团")) == ["there is no sheet 新社团, only 社团, 旧社团"]


def test_a_merged_cell_holds_for_its_rows() -> None:
    def merge(made: Workbook) -> None:
        made.worksheets[0].merge_cells("C2:C4")
        made.worksheets[0].merge_cells("C6:D6")

    rows: list[list[Any]] = [
        ["1", "合唱团", "音乐"],
        ["2", "乐队", None],
        ["3", "鼓队", None],
        ["4", "球队", "体育"],
        ["5", "棋社", "体育"],
    ]
    found = read(book(HEADER, *rows, change=merge))
    assert found.mistakes == []
    assert [each.kind for each in found.lines] == ["music", "music", "music", "sport", "sport"]
    assert remarks(found) == ["the values of 1 merged cells hold for all of their lines"]


def test_a_merged_formula_is_named_in_each_of_its_rows() -> None:
    def merge(made: Workbook) -> None:
        made.worksheets[0].merge_cells("C2:C3")

    mistakes = told(read(book(HEADER, ["1", "合唱团", "=A1"], ["2", "乐队", None], change=merge)))
    assert mistakes == [f"line {n}, 类型: a formula stands there: paste its value instead" for n in (2, 3)]


def altered(content: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """A workbook as no spreadsheet writes it."""
    out = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, change(text) if name == part else text)
    return out.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(Mistaken) as refused:
        workbook.read(content)
    return refused.value.sentence.en


def test_merged_cells_that_overlap_are_refused_before_any_is_filled_twice() -> None:
    def merge(made: Workbook) -> None:
        made.worksheets[0].merge_cells("C2:C3")

    content = book(HEADER, ["1", "合唱团", "音乐"], ["2", "乐队", None], change=merge)
    once = '<mergeCell ref="C2:C3" />'
    assert once in ZipFile(BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
    twice = altered(content, "xl/worksheets/sheet1.xml", lambda text: text.replace(once, once * 2))
    assert "none that can be read" in refusal(twice)


def sharing(text: str, rows: int) -> bytes:
    """A workbook whose names are one text, as spreadsheets keep what several cells say."""
    of = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    named = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{of}" /></Types>'
    shared = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    content = book(HEADER, *([str(n), "乐队", "音乐"] for n in range(rows)))
    content = altered(content, "[Content_Types].xml", lambda old: old.replace("</Types>", named))
    made = BytesIO(content)
    with ZipFile(made, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", f'{shared}<si><t xml:space="preserve">{text}</t></si></sst>')
    content = made.getvalue()
    cell = 't="inlineStr"><is><t>乐队</t></is>'
    return altered(content, "xl/worksheets/sheet1.xml", lambda old: old.replace(cell, 't="s"><v>0</v>'))


def test_a_text_that_many_cells_share_counts_for_each_of_them() -> None:
    assert "more than 16 MiB when unpacked" in refusal(sharing("长" * 4_000, 4_500))

    def merge(made: Workbook) -> None:
        made.worksheets[0].merge_cells("B2:B4501")

    rows = [[str(n), None if n else "长" * 4_000, "音乐"] for n in range(4_500)]
    assert "more than 16 MiB when unpacked" in refusal(book(HEADER, *rows, change=merge))


def test_cells_that_share_a_text_share_it_however_it_is_spaced() -> None:
    [sheet] = workbook.read(sharing("  合唱团 ", 2)).sheets
    first, second = (line.cells[1] for line in sheet.lines[1:])
    assert first == "合唱团"
    assert first is second


def test_a_part_that_is_named_as_two_sheets_is_refused() -> None:
    content = book(HEADER, ["1", "合唱团", "音乐"])

    def again(text: str) -> str:
        begin = text.index("<sheets>") + len("<sheets>")
        one = text[begin : text.index("</sheets>")]
        return text.replace(one, one + one.replace("社团", "社团二"))

    assert "none that can be read" in refusal(altered(content, "xl/workbook.xml", again))


def test_a_title_is_repeated_as_far_as_a_cell_is() -> None:
    long = f"代码（{'长' * 5_000}）"
    found = read(
        book([HEADER[0], long.replace("代码", "名称"), *HEADER[2:]], *([str(n), "", "音乐"] for n in range(3)))
    )
    assert [each.column for each in found.mistakes] == [long[:40].replace("代码", "名称")] * 3
    assert all(len(remark) < 100 for remark in remarks(read(book([*HEADER, "长" * 5_000], ["1", "合唱团", "音乐"]))))


def test_columns_of_others_are_passed_over_and_named() -> None:
    found = read(book(["序号", *HEADER, "备注"], [1, "1", "合唱团", "音乐", 12, "每周三", None, "见附件"]))
    assert names(found) == ["合唱团"]
    assert remarks(found) == ["columns passed over: 序号, 备注, H"]


def test_a_column_that_is_nearly_ours_is_asked_about() -> None:
    found = read(book(["代码", "名称", "类型", "所需的技能"], ["1", "合唱团", "音乐", "唱"]))
    assert told(found) == [
        "line 1, 所需的技能: there is no such column; is skills (所需技能) meant "
        "(rename it 所需技能 if so, or else something less alike)"
    ]
    assert told(found, Language.ZH) == [
        "第1行，所需的技能：没有这一列，是指“所需技能”吗（是则改名为“所需技能”，不是则改成别的名字）"
    ]
    # Where ours is there too, the other one is only another column.
    both = read(book(["代码", "名称", "类型", "所需技能", "所需的技能"], ["1", "合唱团", "音乐", "唱", "x"]))
    assert remarks(both) == ["columns passed over: 所需的技能"]


@pytest.mark.parametrize(
    "title", ["名称（必填）", " 名 称 ", "名称*", "NAME", "name (in Chinese)", "名称：", "ｎａｍｅ"]
)
def test_titles_are_known_however_they_are_decorated(title: str) -> None:
    assert names(read(book(["代码", title, "类型"], ["1", "合唱团", "音乐"]))) == ["合唱团"]


def test_a_missing_column_and_one_that_is_there_twice_are_named() -> None:
    assert told(read(book(["代码", "名称"], ["1", "合唱团"]))) == ["line 1, kind: the column kind (类型) is missing"]
    assert told(read(book(["代码", "名称", "类型", "kind"], ["1"]))) == [
        "line 1, kind: the column kind stands there twice"
    ]


def test_every_wrong_cell_is_told_in_either_language() -> None:
    found = read(book(HEADER, ["1", None, "舞蹈", "许多"], ["2", "棋社", "体育", 5]))
    assert told(found) == [
        "line 2, 名称: may not be empty",
        "line 2, 类型: '舞蹈' is not of the right form (sport 体育, music 音乐)",
        "line 2, 人数: '许多' must be a whole number (a whole number)",
    ]
    assert told(found, Language.ZH) == [
        "第2行，名称：不能为空",
        "第2行，类型：“舞蹈”格式不对（体育、音乐）",
        "第2行，人数：“许多”应为整数（整数）",
    ]


def test_words_are_in_any_script_with_any_separator() -> None:
    [club] = read(book(["代码", "名称", "类型", "所需技能"], ["1", "乐队", "music", "吉他；drums、 唱歌 ;;"])).lines
    assert club.skills == {"吉他", "drums", "唱歌"}


def test_what_a_spreadsheet_holds_is_read_as_it_would_be_typed() -> None:
    content = book(["a", "b", "c", "d", "e"], [1.0, 1.5, date(2027, 1, 31), True, " x "])
    assert workbook.read(content).sheets[0].lines[1].cells == ("1", "1.5", "2027-01-31", "true", "x")


def with_part(content: bytes, name: str, part: str) -> bytes:
    """A workbook of which another program has written a part."""
    out = BytesIO()
    with ZipFile(BytesIO(content)) as whole, ZipFile(out, "w", ZIP_DEFLATED) as made:
        for each in whole.namelist():
            made.writestr(each, part if each == name else whole.read(each))
    return out.getvalue()


def rows_of(content: bytes, sheet: int = 0) -> list[tuple[int, tuple[str, ...]]]:
    return [(line.number, line.cells) for line in workbook.read(content).sheets[sheet].lines]


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"


def test_what_other_programs_write_is_read_with_prefixes_and_without_places() -> None:
    rows = """<x:row><x:c t="str"><x:v>a_x005F_x0041_</x:v></x:c><x:c><x:v>1.50</x:v></x:c></x:row>
        <x:row r="4"><x:c r="C4" t="inlineStr"><x:is><x:r><x:t>路</x:t></x:r><x:r><x:t>灯</x:t></x:r>
        <x:rPh sb="0" eb="1"><x:t>lu</x:t></x:rPh></x:is></x:c><x:c t="e"><x:v>#N/A</x:v></x:c></x:row>
        <x:row><x:c t="b"><x:v>0</x:v></x:c><x:c/><x:c t="d"><x:v>2027-01-31</x:v></x:c></x:row>"""
    part = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    assert rows_of(with_part(book(["x"]), SHEET, part)) == [
        (1, ("a_x0041_", "1.5", "", "")),
        (4, ("", "", "路灯", "#N/A")),
        (5, ("false", "", "2027-01-31", "")),
    ]


def test_a_date_that_is_none_is_an_error_and_a_length_of_time_is_told() -> None:
    def dates(made: Workbook) -> None:
        for ref, value, shown in (("A1", 1e12, "yyyy-mm-dd"), ("B1", 1.5, "[h]:mm"), ("C1", 46_000.5, "yyyy-mm-dd")):
            made.worksheets[0][ref] = value
            made.worksheets[0][ref].number_format = shown

    assert rows_of(book(change=dates)) == [(1, ("#VALUE!", "1 day, 12:00:00", "2025-12-09T12:00:00"))]


def test_a_formula_is_none_whatever_value_it_had() -> None:
    cells = '<c r="A1"><f t="shared" si="0">1+1</f><v>2</v></c><c r="B1" t="str"><f t="shared" si="0"/><v>x</v></c>'
    part = f'<worksheet xmlns="{MAIN}"><sheetData><row r="1">{cells}</row></sheetData></worksheet>'
    [line] = workbook.read(with_part(book(["x"]), SHEET, part)).sheets[0].lines
    assert (line.cells, sorted(line.formulas)) == (("=", "="), [0, 1])


def test_hidden_sheets_are_read_and_charts_are_none() -> None:
    def more(made: Workbook) -> None:
        made.create_sheet("藏").append(["y"])
        made["藏"].sheet_state = "veryHidden"
        made.create_chartsheet("图")

    found = workbook.read(book(["x"], change=more))
    assert [(each.name, each.lines[0].cells) for each in found.sheets] == [("社团", ("x",)), ("藏", ("y",))]


def test_cells_that_are_only_coloured_are_nothing_however_many() -> None:
    cells = "".join(f'<c r="{get_column_letter(n)}1" s="0"/>' for n in range(1, 16_385))
    row = f'<row r="1">{cells}</row><row r="2"><c r="A2"><v>7</v></c></row>'
    part = f'<worksheet xmlns="{MAIN}"><sheetData>{row}</sheetData></worksheet>'
    assert rows_of(with_part(book(["x"]), SHEET, part)) == [(2, ("7",))]


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="2"/><row r="1"/>',
        '<row r="x"/>',
        '<row><c t="s"><v>9</v></c></row>',
        '<row><c r="?1"><v>1</v></c></row>',
        "<row><c><v>one</v></c></row>",
        "<row>",
    ],
)
def test_a_damaged_sheet_is_none_that_can_be_read(rows: str) -> None:
    part = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    with pytest.raises(Mistaken, match="is none that can be read"):
        workbook.read(with_part(book(["x"]), SHEET, part))


def test_a_sheet_that_is_too_wide_is_refused_by_line() -> None:
    wide = ["x"] * (workbook.MAX_COLUMNS + 1)
    with pytest.raises(Mistaken, match="line 2: a sheet may have 60 columns at most"):
        workbook.read(book(HEADER, wide))
    assert workbook.read(book(HEADER, wide[1:])).sheets[0].lines[1].cells == tuple(wide[1:])


def test_lines_are_counted_over_all_sheets() -> None:
    content = book(*[["x"]] * 3, change=_with_remarks_first)
    assert len(workbook.read(content, Limits(10**6, 10**6, 4)).sheets) == 2
    with pytest.raises(Mistaken, match="line 3: a file may have 3 lines at most"):
        workbook.read(content, Limits(10**6, 10**6, 3))


def test_fifty_mistakes_are_told_and_the_rest_counted() -> None:
    mistaken = Mistaken([Mistake(Where("a", n), None, Sentence("错", "wrong")) for n in range(1, 53)])
    assert str(mistaken).splitlines()[49:] == ["a line 50: wrong", "… and 2 more"]
    assert mistaken.sentence.zh.splitlines()[49:] == ["a 第50行：错", "……另有 2 处"]
    assert "…" not in str(Mistaken(mistaken.mistakes[:50]))


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        ("代码\t名称\t类型\n1\t合唱团\t音乐\n".encode("utf-16"), ["read as UTF-16"]),
        ("代码\t名称\t类型\n1\t合唱团\t音乐\n".encode("gb18030"), ["read as GB18030, since it is not UTF-8"]),
        ("代码;名称;类型;所需技能\n1;合唱团;音乐;\n".encode(), []),
        ("代码;名称;类型\n1;合唱团;音乐\n2;队(甲, 乙, 丙, 丁);sport\n".encode(), []),
        ("代码,名称,类型,所需技能\n1,合唱团,音乐,吉他;唱歌;琴;鼓\n".encode(), []),
        ('代码,名称,类型,所需技能\n1,合唱团,音乐,"吉他;唱歌;琴;鼓;号;笛"\n'.encode(), []),
    ],
)
def test_text_is_read_in_whatever_way_a_spreadsheet_saves_it(content: bytes, remark: list[str]) -> None:
    found = read(content)
    assert names(found)[0] == "合唱团"
    assert remarks(found) == remark


def test_what_begins_as_utf_16_and_is_none_says_so() -> None:
    with pytest.raises(Mistaken, match="begins as UTF-16"):
        workbook.read("代码,名称".encode("utf-16") + b"\x00")


@pytest.mark.parametrize("cell", ["吉他，drums", "吉他,drums", "吉他\ndrums", "吉他、drums\u200b"])
def test_words_may_have_commas_and_ends_of_lines_between_them(cell: str) -> None:
    [club] = read(book(["代码", "名称", "类型", "所需技能"], ["1", "乐队", "music", cell])).lines
    assert club.skills == {"吉他", "drums"}


@pytest.mark.parametrize("cell", ["无", "/", "——"])
def test_nothing_may_be_said_in_words(cell: str) -> None:
    [club] = read(book(["代码", "名称", "类型", "所需技能"], ["1", "乐队", "music", cell])).lines
    assert club.skills == frozenset()


def test_numbers_and_codes_may_be_full_width_and_hidden_characters_go() -> None:
    [club] = read(book([*HEADER[:3], "人\u200b数"], ["Ａ１", "乐\u200b队\ufeff", "音乐", "１２"])).lines
    assert (club.code, club.name, club.members) == ("A1", "乐队", 12)


def test_a_line_break_in_a_name_is_said_to_be_one() -> None:
    [mistake] = told(read(book(HEADER, ["1", "合唱\n团", "音乐", 12])))
    assert mistake == "line 2, 名称: '合唱\\n团' has a line break or a control character: write it in one line"


def test_lines_of_others_and_footnotes_are_passed_over_and_named() -> None:
    found = read(
        book(["序号", *HEADER], [1, "1", "合唱团", "音乐", 12], [2], [3], [None, "填表人：吕敏　审核人：郭慧"])
    )
    assert names(found) == ["合唱团"]
    assert remarks(found)[-2:] == ["lines passed over: 3, 4", "line 5 at the end: 填表人：吕敏　审核人：郭慧"]
    assert [each.zh for each in found.remarks[-2:]] == ["未用的行：3、4", "表末第5行未用：填表人：吕敏　审核人：郭慧"]
    assert read(book(HEADER, ["1", "合唱团", "音乐", 12], [None, None, "共一个社团"])).mistakes == []


def test_a_line_that_is_not_at_the_end_or_has_more_than_a_note_is_no_footnote() -> None:
    between = read(book(HEADER, ["注：暂列"], ["1", "合唱团", "音乐", 12]))
    assert told(between) == ["line 2, 代码: '注：暂列' is all that the line has (fill the line, or take it out)"]
    assert told(read(book(HEADER, ["1", "合唱团", "音乐", 12], ["2"]))) != []
    assert told(read(book(HEADER, ["1", "合唱团", "音乐", 12], ["注：", "乐队"]))) != []


def test_a_half_of_a_character_is_no_text_and_two_halves_are_one() -> None:
    [first, second] = workbook.read(book(["_xD83D__xDE00_", "a_xD800_b"], ["x", "_xDE00_"])).sheets[0].lines
    assert (first.cells, second.cells) == (("😀", "a\ufffdb"), ("x", "\ufffd"))
    shown = read(book(["_xD800_"], [*HEADER, "_xDFFF_x"], ["1", "合唱团", "音乐"])).remarks
    assert all(each.zh.encode() for each in shown)


def test_values_of_a_formula_of_many_cells_are_none_to_take() -> None:
    row = '<row r="{0}"><c r="A{0}" t="str"><v>x</v></c><c r="B{0}">{1}<v>2</v></c></row>'
    array = '<f t="array" ref="A1:B2">C1:D2</f>'
    rows = row.format(1, array) + row.format(2, "") + row.format(3, "")
    part = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    lines = workbook.read(with_part(book(["x"]), SHEET, part)).sheets[0].lines
    assert [sorted(line.formulas) for line in lines] == [[1], [0, 1], []]


@pytest.mark.parametrize("cell", ["#N/A", "#REF!"])
def test_what_a_failed_formula_shows_is_no_value(cell: str) -> None:
    said = "line 2, 代码: a formula failed there: write the value that is right"
    assert told(read(book(HEADER, [cell, "合唱团", "音乐"]))) == [said]
    assert told(read(f"代码,名称,类型\n{cell},合唱团,音乐\n".encode())) == [said]


STYLES, BOOK, TYPES = "xl/styles.xml", "xl/workbook.xml", "[Content_Types].xml"


def test_any_number_of_styles_is_read_and_only_that_of_numbers_is_heard() -> None:
    def date_in_a(made: Workbook) -> None:
        made.worksheets[0]["A1"] = date(2027, 1, 31)

    many = altered(
        book(change=date_in_a), STYLES, lambda text: text.replace("<fonts", "<x>" + "<xf/>" * 99_999 + "</x><fonts")
    )
    assert rows_of(many) == [(1, ("2027-01-31",))]
    assert "too many names, styles or parts" in refusal(
        altered(many, STYLES, lambda text: text.replace("</x>", "<xf/>" * 400_000 + "</x>"))
    )


@pytest.mark.parametrize(
    ("part", "after", "more"),
    [
        (BOOK, "</sheets>", '<sheet name="x" sheetId="1"/>'),
        (TYPES, "</Types>", '<Override PartName="/x" ContentType="x"/>'),
        ("xl/_rels/workbook.xml.rels", "</Relationships>", '<Relationship Type="x" Target="x" Id="x"/>'),
    ],
)
def test_a_workbook_that_lists_too_much_is_refused(part: str, after: str, more: str) -> None:
    many = altered(book(["x"]), part, lambda text: text.replace(after, more * 10_001 + after))
    assert "too many names, styles or parts" in refusal(many)


def test_text_has_as_many_columns_as_a_workbook() -> None:
    wide = ",".join(["x"] * 61)
    assert "line 2: a sheet may have 60 columns at most" in refusal(f"代码,名称,类型\n{wide}\n".encode())
    padded = f"代码,名称,类型{',' * 90}\n1,合唱团,音乐{',' * 90}\n{',' * 100_000}\n"
    assert names(read(padded.encode())) == ["合唱团"]


def test_what_stands_in_most_lines_delimits_the_cells() -> None:
    assert names(read("代码,名称,类型\n1,a;b;c;d;e,音乐\n".encode())) == ["a;b;c;d;e"]
    assert names(read("社团,2026\n代码;名称;类型\n1;甲,乙,丙,丁;音乐\n2;乐队;音乐\n".encode()))[1] == "乐队"


@pytest.mark.parametrize(
    "cells", [["DJ:2"], [None, "1103"], [None, None, "1103"], ["路灯：2"], ["编码：2"], ["一、公共服务类"], ["Q2"]]
)
def test_a_code_alone_in_the_last_line_is_a_mistake(cells: list[Any]) -> None:
    found = read(book(HEADER, ["1", "合唱团", "音乐", 12], cells))
    title = HEADER[len(cells) - 1]
    assert told(found, Language.ZH) == [f"第3行，{title}：“{cells[-1]}”：这一行只填了这一格（请填完这一行，或删去）"]


@pytest.mark.parametrize(
    "note",
    [
        "填表人：吕敏",
        "审核人: 郭慧",
        "注：含停用",
        "备注1：无",
        "（说明：略）",
        "合计",
        "总计 12",
        "合计：3",
        "共12个",
        "Note: old",
        "以上已核对，无误。",
        "填报单位：凌河街道",
        "联系电话：1",
    ],
)
def test_a_note_alone_in_the_last_line_is_a_footnote(note: str) -> None:
    found = read(book(HEADER, ["1", "合唱团", "音乐", 12], [note]))
    assert names(found) == ["合唱团"]
    assert remarks(found) == [f"line 3 at the end: {note}"]


@pytest.mark.parametrize("line", ['"2,Q2,乐队,音乐"', "2;Q2;乐队;音乐", "2，Q2，乐队，音乐", "2,Q2,乐队", "2"])
def test_a_line_of_text_with_another_number_of_cells_is_a_mistake(line: str) -> None:
    found = read(f"序号,代码,名称,类型\n1,Q1,合唱团,音乐\n{line}\n3,Q3,棋社,体育\n".encode())
    assert told(found) == [f"line 3: {3 if line == '2,Q2,乐队' else 1} cells instead of 4"]


def test_a_line_of_text_without_a_cell_filled_is_none_and_one_of_a_number_is_passed_over() -> None:
    found = read("序号,代码,名称,类型\n1,Q1,合唱团,音乐,,\n,\n\n2,,,\n".encode())
    assert names(found) == ["合唱团"]
    assert remarks(found) == ["columns passed over: 序号", "lines passed over: 5"]


@pytest.mark.parametrize("cell", ["2,Q2,乐队", "2；Q2；乐队", "长" * 41])
def test_a_line_in_a_cell_of_others_is_not_lost(cell: str) -> None:
    rows: list[list[Any]] = [[1, "1", "合唱团", "音乐", 12], [cell]]
    assert told(read(book(["序号", *HEADER], *rows)), Language.ZH) == [
        "第3行：有文字，却不在所需的任何一列：请分到各列，或删去这一行"
    ]
    assert names(read(book(["序号", *HEADER], rows[0], [f"注：{cell}"]))) == ["合唱团"]
