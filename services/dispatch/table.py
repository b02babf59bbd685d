"""What every table of dispatch belongs to."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class DispatchTable(SQLModel):
    metadata = MetaData()
