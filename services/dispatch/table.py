"""What every table of dispatch is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Text, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.chassis.db.database import table_of


class DispatchTable(SQLModel):
    metadata = MetaData()


def text_column(nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def json_column() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def time_column(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def select(model: type[SQLModel], rest: str, without: Collection[str] = ()) -> TextClause:
    """Each column of the rows by its name: what a later version adds to the table changes no answer."""
    table = table_of(model)
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in without)
    return text(f'SELECT {names} FROM "{table.name}" {rest}')
