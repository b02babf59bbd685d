"""What every table of notify is made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Text
from sqlmodel import Field, SQLModel


class NotifyTable(SQLModel):
    metadata = MetaData()


def key_column() -> Any:
    return Field(sa_column=Column(Text, primary_key=True))


def text_column(nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def time_column(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def bytes_column(nullable: bool = False) -> Any:
    return Field(sa_column=Column(LargeBinary, nullable=nullable))
