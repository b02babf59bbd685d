"""What is asked of a street's inventory."""

from __future__ import annotations

from dataclasses import dataclass

from services.dispatch.components.domain.inventory import Component


@dataclass(frozen=True, slots=True)
class ImportComponents:
    """The inventory of the street shall have these, and with `replace` no others that are active.

    `street_version`: of the street by whose map and organisations they were checked. `onto`: only if that is the
    version of the inventory now.
    """

    tenant: str
    components: tuple[Component, ...]
    street_version: int
    replace: bool = False
    onto: int | None = None
