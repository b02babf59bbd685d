"""Ids: UUID version 7 (RFC 9562), which begin with the time, so that new rows are neighbours in an index."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def new_id() -> UUID:
    """48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def first_id(moment: datetime) -> UUID:
    """The lowest id that can be made at that moment or later."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def made_at(id: UUID) -> datetime:
    """When `new_id` made it, to the millisecond."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
