"""A refusal as other systems are told it, over HTTP and over NATS (RFC 9457)."""

from __future__ import annotations

from typing import Self

from libs.contracts.message import Value


class Problem(Value):
    """A refusal that a program and a person can read (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, status: int, title: str, detail: str) -> Self:
        """With the type that belongs to the title."""
        slug = "-".join(title.lower().split())
        return cls(type=f"urn:wangge:problem:{slug}", title=title, status=status, detail=detail)
