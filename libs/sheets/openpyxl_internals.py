"""Where openpyxl keeps what its stream of a sheet leaves out: merged cells stand after the rows.

tests/unit/test_sheets.py fails when the private name changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from openpyxl.utils import range_boundaries

MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=[\"']([A-Z]+[0-9]+:[A-Z]+[0-9]+)[\"']")


def merged_down(archive: ZipFile, sheet: Any) -> Iterator[tuple[int, int, int]]:
    """Of each cell of a streamed sheet that is merged over several rows: its column from 0, first and last row."""
    for ref in MERGED.findall(archive.read(sheet._worksheet_path)):
        left, first, _, last = range_boundaries(ref.decode())
        # A range of whole columns or rows has None for what it leaves open; a merged cell never is one.
        if left is not None and first is not None and last is not None and last > first:
            yield left - 1, first, last
