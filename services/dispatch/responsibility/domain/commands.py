"""What is asked of a street's responsibility list."""

from __future__ import annotations

from dataclasses import dataclass

from services.dispatch.street.domain.responsibility import Responsibility


@dataclass(frozen=True, slots=True)
class ImportList:
    """The responsibility list of the street shall have these rows. `onto`: only if that is its version now."""

    tenant: str
    rows: tuple[Responsibility, ...]
    onto: int | None = None
