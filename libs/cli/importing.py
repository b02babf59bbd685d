"""What an operator reads of an import, in the language of the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from libs.cli.options import language
from libs.cli.running import Refusal
from libs.sentences import Sentence, joined
from libs.sheets.mistakes import UNCHANGED

PREVIEW = Sentence("这是预览，没有写入。", "A preview: nothing was written.")
SAME = Sentence("没有变化。", "Nothing has changed.")


def refusal(why: Sentence) -> Refusal:
    """Of a file with mistakes, of which nothing is taken."""
    return Refusal(joined([why, UNCHANGED]).told(language()))


def table_of(*titles: Sentence) -> Table:
    return Table(*(title.told(language()) for title in titles))


def imported_as(version: int) -> Sentence:
    return Sentence(f"已导入，为第 {version} 版。", f"Imported as version {version}.")


def show(remarks: Iterable[Sentence], changes: Table | None, done: Sentence | None, *, preview: bool) -> None:
    """The remarks on the file, the changes, and that they hold now; `done` is None where there are none."""
    console = Console(markup=False, highlight=False)
    for remark in remarks:
        console.print(remark.told(language()), soft_wrap=True)
    if changes is not None:
        console.print(changes)
    console.print((PREVIEW if preview else done or SAME).told(language()))
