"""What the simulated people remember of one report: its orders, its offers and how far it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from deploy.local.morning.planned_reports import PlannedReport
from libs.contracts.incident import Receipt


class Surprise(Exception):
    """Something that must never happen in this system has happened; the argument says what."""


class Overtaken(Exception):
    """Others, or a clock, were faster: what was to be done is not possible any more, and the report goes its way."""


@dataclass
class FollowedReport:
    """`finished` is set when nobody has anything to do about the report any more.

    `same_as` is the report of the same matter that was there before; that one's `joined` is set when the two were
    merged. `played`: what the scenario asks for was done; from there on the report goes the usual way. `help` is
    who still has to help with its order, and where that is said.
    """

    plan: PlannedReport
    receipt: Receipt
    same_as: FollowedReport | None = None
    orders: list[UUID] = field(default_factory=list)
    offers: Counter[UUID] = field(default_factory=Counter)
    closings: int = 0
    gave_back: bool = False
    played: bool = False
    help: tuple[str, str] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
