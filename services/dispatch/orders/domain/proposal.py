"""An order of a proposal (群众说事, 民情恳谈, 百姓议事) is done with an answer, not with a repair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from libs.contracts.values import Answer, RequestKind
from libs.sentences import Sentence
from libs.street_time import local_day


@dataclass(frozen=True, slots=True)
class Answered:
    """What a member hands in for the reporter: what was done, or to a proposal the answer and why."""

    result: str = ""
    answer: Answer | None = None
    planned_for: date | None = None

    @property
    def kept(self) -> tuple[str, Answer | None, date | None]:
        """What the order keeps of it."""
        return self.result.strip(), self.answer, self.planned_for


NOTHING = Answered()


def unfit(kind: RequestKind, said: Answered, now: datetime) -> Sentence | None:
    """Why an order of this kind cannot be handed in so; None where it can. A plan is for today or later."""
    if kind is not RequestKind.PROPOSAL:
        if said.answer is None and said.planned_for is None:
            return None
        return Sentence(
            "只有建议（proposal）才有 answer 和 planned_for，本工单请在 result 写明做了什么",
            "only a proposal has answer and planned_for; of this order, say in result what was done",
        )
    if said.answer is None:
        return Sentence(
            "建议要有答复 answer：accepted 采纳、planned 列入计划、declined 不采纳，并在 result 说明理由",
            "a proposal needs an answer: accepted, planned or declined, and why in result",
        )
    if not said.result.strip():
        return Sentence("result 要向提出人说明理由", "result must say why, in words for whoever raised it")
    if said.answer is not Answer.PLANNED and said.planned_for is not None:
        return Sentence(
            f"planned_for 只用于 planned 列入计划，本答复为 {said.answer}",
            f"planned_for is for the answer planned, and this one is {said.answer}",
        )
    if said.answer is Answer.PLANNED and (said.planned_for is None or said.planned_for < local_day(now)):
        return Sentence(
            f"列入计划要写明 planned_for：计划在哪一天前落实，不早于今天 {local_day(now)}",
            f"the answer planned needs planned_for, the day by which, not before today, {local_day(now)}",
        )
    return None
