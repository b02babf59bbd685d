"""Cases that are the same matter: merged into one that survives, or kept as children of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from libs.sentences import Sentence
from libs.transitions import Impossible
from services.incident.cases.domain.case import TRANSITIONS, Move, Standing, State, decide

SURVIVING = (State.REPORTED, State.VERIFYING, State.REGISTERED, State.IN_PROGRESS, State.RESOLVED)


@dataclass(frozen=True, slots=True)
class MergeCandidate:
    """A case as it is looked at beside another. `others`: there are cases that were merged into it, or its children."""

    case_no: str
    standing: Standing
    others: bool


@dataclass(frozen=True, slots=True)
class NotTogether:
    """Why the two cannot be put together, and what can be done instead."""

    detail: Sentence


@dataclass(frozen=True, slots=True)
class MergeCase:
    """The case is the same matter as the other, which survives."""

    tenant: str
    case_no: str
    into: str
    by_member: str
    note: str | None


@dataclass(frozen=True, slots=True)
class UnmergeCase:
    tenant: str
    case_no: str
    by_member: str
    note: str


@dataclass(frozen=True, slots=True)
class SetParent:
    """The case belongs to the other as a part of it; None takes it out again."""

    tenant: str
    case_no: str
    parent: str | None
    by_member: str


def merge(case: MergeCandidate, into: MergeCandidate) -> Standing | NotTogether | Impossible:
    """The case after it was merged into the other. Merging is one level deep: a merged case takes no others in."""
    if case.case_no == into.case_no:
        return NotTogether(Sentence("案件不能并入自己。", "A case cannot be merged into itself."))
    if into.standing.merged_into is not None:
        survivor = into.standing.merged_into
        zh = f"案件 {into.case_no} 已并入 {survivor}：请并入后者。"
        en = f"Case {into.case_no} was merged into {survivor}: merge into that one instead."
        return NotTogether(Sentence(zh, en))
    if into.standing.state not in SURVIVING:
        zh = f"案件 {into.case_no} {TRANSITIONS.states[into.standing.state]}：只能并入尚未办结的案件。"
        en = f"Case {into.case_no} is {into.standing.state}; only a case that is not over yet takes others in."
        return NotTogether(Sentence(zh, en))
    if case.others:
        zh = f"已有案件并入 {case.case_no}，以它为主：请把 {into.case_no} 并入它。"
        en = f"Other cases were merged into case {case.case_no}: it survives. Merge {into.case_no} into it instead."
        return NotTogether(Sentence(zh, en))
    decided = decide(case.standing, Move.MERGE)
    return decided if isinstance(decided, Impossible) else replace(decided, merged_into=into.case_no)


def set_parent(child: MergeCandidate, parent: MergeCandidate) -> Standing | NotTogether:
    """The case as a child of the other: a link, which moves neither of them. One level deep, as merging is."""
    if child.case_no == parent.case_no:
        return NotTogether(Sentence("案件不能是自己的主案件。", "A case cannot be its own parent."))
    if parent.standing.parent is not None:
        zh = f"案件 {parent.case_no} 是 {parent.standing.parent} 的子案件，不能再有子案件。"
        en = f"Case {parent.case_no} is a child of {parent.standing.parent} and has no children itself."
        return NotTogether(Sentence(zh, en))
    if child.others:
        zh = f"案件 {child.case_no} 有子案件，不能成为子案件。"
        return NotTogether(Sentence(zh, f"Case {child.case_no} has children and cannot be a child itself."))
    return replace(child.standing, parent=parent.case_no)
