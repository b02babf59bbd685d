"""What every table of incident belongs to."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class IncidentTable(SQLModel):
    metadata = MetaData()
