"""What may stand in a cell of a roster's files, and what is wrong with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell and what would be right; `where` is file, line and column."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def _parts(cell: Any) -> Any:
    return tuple(filter(None, cell.split(";"))) if isinstance(cell, str) else cell


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+\.[^@\s.\x00]+)?$")]
Words = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")], ...],
    BeforeValidator(_parts),
]
Names = Annotated[tuple[Name, ...], BeforeValidator(_parts)]
IfAny = BeforeValidator(lambda cell: None if cell == "" else cell)
"""For what may be left out: an empty cell is None."""
