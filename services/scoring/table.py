"""What every table of scoring is made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Text
from sqlmodel import Field, SQLModel


class ScoringTable(SQLModel):
    metadata = MetaData()


def text_column(*, key: bool = False) -> Any:
    return Field(sa_column=Column(Text, primary_key=key, nullable=False))


def optional_text_column() -> Any:
    return Field(default=None, sa_column=Column(Text))


def time_column(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))
