"""What may be corrected of a case, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from libs.contracts.incident import Corrected
from libs.contracts.values import Place
from libs.sentences import Sentence
from libs.transitions import Impossible
from services.incident.cases.domain.case import Move, Standing, decide
from services.incident.cases.domain.content import WITH_APPOINTMENT, Content

Right = Mapping[Corrected, Any]
"""What is right, in the types of `Content`; what is not named stays as it is."""


@dataclass(frozen=True, slots=True)
class CorrectCase:
    """Somebody of the desk says what is right, and why it was not."""

    tenant: str
    case_no: str
    by_member: str
    reason: str
    right: Right

    @property
    def category(self) -> str | None:
        return self.right.get(Corrected.CATEGORY)


@dataclass(frozen=True, slots=True)
class CaseIsCorrect:
    """The answer: how the case stands, and what was not so before."""

    case_no: str
    state: str
    corrected: tuple[Corrected, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """The case after it was corrected: how it stands, what it says, and what it did not say before."""

    standing: Standing
    content: Content
    corrected: tuple[Corrected, ...]
    move: Move


SEVERAL: Mapping[Corrected, tuple[str, ...]] = {
    Corrected.CATEGORY: ("category", "category_name"),
    Corrected.PLACE: ("longitude", "latitude", "accuracy_m", "place_name"),
}
"""What is kept in several columns, or shown by them."""
NOWHERE = Sentence(
    "部件是本案件唯一的地点：去掉 component 时要同时写明 place",
    "the component is the only place of this case: whoever takes it away names a place as well",
)


def correct(case: Standing, content: Content, right: Right, category_name: str) -> Correction | Impossible | Sentence:
    """The case after the correction, or why not; `category_name` is that of the category which is right.

    Words may be corrected at any time. The rest decides who does the work, by when and for how many points, and may
    until the work is handed in. A case that is nowhere but at its component is at the one that is right from now on.
    """
    corrected = tuple(what for what in Corrected if what in right and right[what] != getattr(content, what))
    move = Move.REWORD if set(corrected) <= {Corrected.TEXT} else Move.CORRECT
    if not corrected:
        return Correction(case, content, (), move)
    after = replace(content, **{what.value: right[what] for what in corrected}, category_name=category_name)
    if content.is_at_its_component and Corrected.COMPONENT in corrected and Corrected.PLACE not in right:
        if after.component is None:
            return NOWHERE
        return correct(case, content, {**right, Corrected.PLACE: Place(name=after.component)}, category_name)
    if after.request_kind not in WITH_APPOINTMENT and (content.appointment or content.particulars.documents):
        kind = after.request_kind
        return Sentence(
            f"request_kind {kind} 没有预约和材料，而本案件有：不能改成这一类",
            f"request_kind {kind}: it has no appointment or documents, and this case has; it cannot become one.",
        )
    decided = decide(case, move)
    return decided if isinstance(decided, Impossible) else Correction(decided, after, corrected, move)


def recorded(content: Content, corrected: tuple[Corrected, ...]) -> dict[str, Any]:
    """What a case says of these, as its timeline keeps it and as staff read it."""
    names = {name for what in corrected for name in SEVERAL.get(what, (what.value,))}
    return {name: value for name, value in content.columns().items() if name in names}
