"""Whether a report may be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from libs.sentences import Sentence
from libs.transitions import Impossible
from services.incident.cases.domain.case import TRANSITIONS, Move, Standing, State, decide


@dataclass(frozen=True, slots=True)
class WithdrawCase:
    """The reporter does not need it any more. The words are for the desk."""

    tracking_code: str
    words: str | None


def withdraw(case: Standing, *, shared: bool) -> Standing | Sentence:
    """The case after its reporter took it back, or why not. `shared`: others have reported the same, or follow it."""
    if shared or case.state is State.MERGED:
        return Sentence(
            "其他人也反映或关注了同一事项，案件继续办理，不能撤回。",
            "Others have reported the same matter, or follow it: the case goes on and cannot be taken back.",
        )
    decided = decide(case, Move.WITHDRAW)
    if not isinstance(decided, Impossible):
        return decided
    zh = f"案件{TRANSITIONS.states[case.state]}，只有在有人接单之前才能撤回。"
    return Sentence(zh, f"The case is {case.state}: it can be taken back until somebody has taken it on.")
