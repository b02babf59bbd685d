"""A resident who follows a case that somebody else has reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.contracts.values import SealedContact
from libs.sentences import Sentence
from services.incident.cases.domain.case import TRANSITIONS, Move, Standing


@dataclass(frozen=True, slots=True)
class FollowCase:
    """A resident wants to hear of the case. The code is in the sealed contact already."""

    tenant: str
    case_no: str
    sender: str
    key: str
    tracking_code: str
    sealed_contact: SealedContact | None


@dataclass(frozen=True, slots=True)
class UnfollowCase:
    tracking_code: str


@dataclass(frozen=True, slots=True)
class Follower:
    tenant: str
    case_id: UUID
    follower_id: UUID
    sender: str
    idempotency_key: str
    tracking_code: str
    followed_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """The answer. `tracking_code`: the follower's own, by which they see how it goes."""

    case_no: str
    tracking_code: str
    followers: int


def refuse(case: Standing) -> Sentence | None:
    """Why a case cannot be followed; None where it can."""
    if TRANSITIONS.get(case.state, Move.FOLLOW) is not None:
        return None
    zh = f"案件{TRANSITIONS.states[case.state]}，不能再关注；如问题仍在，请上报。"
    en = f"The case is {case.state} and cannot be followed any more; please report it if it is still so."
    return Sentence(zh, en)
