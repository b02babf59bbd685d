"""What every table of scoring belongs to."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class ScoringTable(SQLModel):
    metadata = MetaData()
