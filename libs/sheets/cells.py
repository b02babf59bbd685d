"""What may stand in a cell, whatever the sheet is about."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from libs.sentences import Unfit
from libs.sheets.workbook import FORMULA
from libs.validation import CLEAN

BETWEEN = re.compile("[;；、,，\\n]")
NOTHING = frozenset(("无", "/", "／", "—", "——"))
"""What people write where there is nothing to be named."""
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
FIRST_YEAR, LAST_YEAR = 2004, 2099
"""Of days in a calendar of working days."""


def _no_formula(cell: str) -> str:
    if cell[:1] in FORMULA:
        zh = f"以 {cell[0]} 开头，表格软件会当作公式"
        raise Unfit(zh, f"begins with {cell[0]}, which a spreadsheet takes for a formula")
    return cell


def _parts(cell: Any) -> Any:
    """The words of a cell; a list, as JSON has it, is left as it is."""
    if not isinstance(cell, str):
        return cell
    return () if cell in NOTHING else tuple(filter(None, map(str.strip, BETWEEN.split(cell))))


def day_or(empty: date | None, cell: Any) -> Any:
    """The day in a cell as people write it, such as 2027/1/31; `empty` where nothing stands there."""
    if cell == "":
        return empty
    if not (found := DAY.fullmatch(str(cell))):
        raise Unfit("不是日期", "is no day")
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        raise Unfit("没有这一天", "is a day that does not exist") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        years = FIRST_YEAR, LAST_YEAR
        raise Unfit("年份应在 {} 至 {} 之间".format(*years), "must be in the years {} to {}".format(*years))
    return day


NoFormula = AfterValidator(_no_formula)
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=CLEAN), NoFormula]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=CLEAN), NoFormula]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=CLEAN), NoFormula]
"""A word of the street, in any script, by which things are told apart: a skill, a kind of place."""
Words = Annotated[frozenset[Word], BeforeValidator(_parts)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_parts)]
IfAny = BeforeValidator(lambda cell: None if cell == "" else cell)
"""For what may be left out: an empty cell is None."""
