"""What a report says for whoever does the work, beyond what the system itself decides by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from libs.contracts.message import Value
from libs.contracts.values import Documents


class Particulars(Value):
    """A field that is added here may be sent with a report, is kept by the case and by its order, and is shown
    wherever either is read: to the reporter, to staff, in files, and in what the member is told.

    It is words or a list of words, and left out where nobody says it; `title` is what Chinese readers call it.
    """

    documents: Documents = Field(
        (), title="材料", description="Names of papers that the resident hands over, or that the member must bring."
    )

    @property
    def particulars(self) -> Particulars:
        """These alone, of a report or of a fact that says more."""
        return Particulars.model_construct(**{name: getattr(self, name) for name in Particulars.model_fields})

    def kept(self) -> dict[str, Any]:
        """As a table keeps them; what was not said is left out."""
        return self.particulars.model_dump(mode="json", exclude_defaults=True)

    def texts(self) -> Iterator[tuple[str, str]]:
        """The words, each by the name of its field."""
        for name, value in self.particulars:
            if isinstance(value, tuple):
                yield from ((f"{name}.{place}", each) for place, each in enumerate(value))
            elif value is not None:
                yield name, value

    def cells(self) -> dict[str, str | None]:
        """For a file: by name, a list in one cell."""
        return {name: "、".join(v) if isinstance(v, tuple) else v for name, v in self.particulars}


NOTHING_SAID = Particulars()

TITLES: dict[str, str] = {name: str(field.title) for name, field in Particulars.model_fields.items()}
"""What Chinese readers call them, by name."""
