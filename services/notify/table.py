"""What every table of notify belongs to."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class NotifyTable(SQLModel):
    metadata = MetaData()
