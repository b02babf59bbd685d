"""What every table of incident is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, DateTime, MetaData
from sqlmodel import Field, SQLModel


class IncidentTable(SQLModel):
    metadata = MetaData()


def time_column(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` wants them."""
    return [[row[n] for row in rows] for n in range(width)]
