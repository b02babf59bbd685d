"""Why something that is asked of a case is not done: what is asked is wrong, or the case does not allow it now."""

from __future__ import annotations

from dataclasses import dataclass


def no_case(tenant: str, case_no: str) -> str:
    return f"Street {tenant} has no case {case_no}."


@dataclass(frozen=True, slots=True)
class Refusal:
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Conflict:
    title: str
    detail: str
