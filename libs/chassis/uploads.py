"""Sheets that are handed in over HTTP: how a route asks for one, and what a wrong one is refused with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from libs.chassis.handlers import Refused
from libs.sentences import joined
from libs.sheets.mistakes import UNCHANGED, Mistaken

NAMED = 1_000
"""So many bad cells are named, and how many more there are."""

OneSheet = Annotated[
    str | None, Query(max_length=31, description="The sheet of a workbook that is meant, where several might be.")
]


def file_body(kinds: str) -> dict[str, Any]:
    """The description of a route whose body is a file."""
    return {
        "requestBody": {
            "required": True,
            "description": f"The bytes of the file, {kinds}; which of them it is it says itself.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    }


def refused_file(error: Mistaken) -> Refused:
    """With every bad cell by its line and column, so that a program can mark it."""
    cells = [
        {
            "line": each.where.number,
            "column": each.column,
            "wrong": each.wrong,
            "right": each.right,
        }
        for each in error.mistakes[:NAMED]
    ]
    return Refused(
        422,
        "Invalid file",
        joined([error.sentence, UNCHANGED]),
        {"errors": cells, "more": max(0, len(error.mistakes) - NAMED)},
    )
