"""What the tables of services are made of, and how their statements name and pass columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, DateTime, LargeBinary, Text, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.chassis.db.database import table_of


def text_column(*, key: bool = False, nullable: bool = False) -> Any:
    return _field(Column(Text, primary_key=key, nullable=nullable))


def time_column(*, nullable: bool = False) -> Any:
    return _field(Column(DateTime(timezone=True), nullable=nullable))


def bytes_column(*, nullable: bool = False) -> Any:
    return _field(Column(LargeBinary, nullable=nullable))


def json_column(*, nullable: bool = False) -> Any:
    return _field(Column(JSONB, nullable=nullable))


def _field(column: Column[Any]) -> Any:
    return Field(default=None, sa_column=column)


def select(model: type[SQLModel], rest: str, without: Collection[str] = ()) -> TextClause:
    """Each column of the rows by its name: what a later version adds to the table changes no answer."""
    table = table_of(model)
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in without)
    return text(f'SELECT {names} FROM "{table.name}" {rest}')


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` wants them."""
    return [[row[n] for row in rows] for n in range(width)]
