"""A note of one colleague to the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoteOnCase:
    tenant: str
    case_no: str
    by_member: str
    words: str
