"""Deciding on cases over HTTP, one or many."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool

from libs.chassis.handlers import Refused
from libs.chassis.http import CommandsDep, LanguageDep, RefusedRequest
from libs.contracts.incident import EndReason
from libs.sentences import Sentence
from services.incident.cases.domain.case import Move
from services.incident.cases.domain.words import REASON_WORDS
from services.incident.cases.requests import CASE_NO, ByMember, CaseNo, Decided, OneOfMany, Reason, one_of_many
from services.incident.decisions.domain import REASONS_FOR, DecideCase

router = APIRouter(tags=["staff"])


class Rejection(ByMember):
    """Why not: a reason of the list, and more about it in words that the reporter reads too."""

    reason: EndReason
    note: Reason | None = None


class Verification(ByMember):
    true_report: StrictBool
    note: Reason


class Moving(ByMember):
    """The same decision on many cases; each is answered on its own."""

    case_nos: list[Annotated[str, Field(pattern=CASE_NO)]] = Field(
        min_length=1, max_length=200, examples=[["20261123-000041", "20261123-000042"]]
    )
    move: Literal["accept", "reject", "void"]
    reason: EndReason | None = Field(None, description="Needed to reject and to void.")
    note: Reason | None = None


class ReasonView(BaseModel):
    reason: EndReason
    zh: str
    en: str
    moves: list[Move] = Field(description="What it may be given for.")


@router.get("/v1/reasons")
async def reasons() -> list[ReasonView]:
    """The reasons for which a report or case ends without being worked on."""
    return [
        ReasonView(
            reason=reason, zh=words.zh, en=words.en, moves=[m for m, listed in REASONS_FOR.items() if reason in listed]
        )
        for reason, words in REASON_WORDS.items()
    ]


@router.post("/v1/cases/moves")
async def move_cases(body: Moving, commands: CommandsDep, language: LanguageDep) -> list[OneOfMany]:
    """Accept, reject or void many cases at once; each is answered on its own, in the order in which it was named."""
    move = Move(body.move)
    if (body.reason is None) == (move in REASONS_FOR):
        missing = body.reason is None
        wrong = Sentence(
            f"body.reason：{'需要原因' if missing else '这里不写原因'}",
            f"body.reason: {'needed' if missing else 'not for'} to {move} a case.",
        )
        raise RefusedRequest(Refused(422, "Unfit reason", wrong))
    if body.reason is not None:
        _fits(body.reason, move)
    numbers = list(dict.fromkeys(body.case_nos))
    wishes = [DecideCase(body.tenant, n, move, body.by_member, body.reason, body.note) for n in numbers]
    answers = await commands.send_all(wishes)
    return [one_of_many(n, answer, language) for n, answer in zip(numbers, answers, strict=True)]


@router.post("/v1/cases/{case_no}/accept")
async def accept(case_no: CaseNo, body: ByMember, commands: CommandsDep) -> Decided:
    """Register a case that waits for it (受理立案)."""
    return await _decide(commands, case_no, body, Move.ACCEPT, None, None)


@router.post("/v1/cases/{case_no}/reject")
async def reject(case_no: CaseNo, body: Rejection, commands: CommandsDep) -> Decided:
    """Reject a report (不予受理); the reporter is told the reason."""
    return await _end(commands, case_no, body, Move.REJECT)


@router.post("/v1/cases/{case_no}/void")
async def void(case_no: CaseNo, body: Rejection, commands: CommandsDep) -> Decided:
    """Say that a case should not have been one (作废): its order is cancelled, the reporter is told the reason."""
    return await _end(commands, case_no, body, Move.VOID)


@router.post("/v1/cases/{case_no}/verify")
async def verify(case_no: CaseNo, body: Verification, commands: CommandsDep) -> Decided:
    """Say what was found on site (核实): a true report is registered, another is rejected with the note as reason."""
    if body.true_report:
        return await _decide(commands, case_no, body, Move.CONFIRM, None, body.note)
    return await _decide(commands, case_no, body, Move.DISPROVE, EndReason.UNTRUE, body.note)


def _fits(reason: EndReason, move: Move) -> None:
    if reason not in REASONS_FOR[move]:
        fitting = sorted(REASONS_FOR[move])
        in_words = "、".join(f"{each} {REASON_WORDS[each].zh}" for each in fitting)
        wrong = Sentence(
            f"body.reason：应为以下之一：{in_words}", f"body.reason: to {move} a case, one of {', '.join(fitting)}."
        )
        raise RefusedRequest(Refused(422, "Unfit reason", wrong))


async def _end(commands: CommandsDep, case_no: CaseNo, body: Rejection, move: Move) -> Decided:
    _fits(body.reason, move)
    return await _decide(commands, case_no, body, move, body.reason, body.note)


async def _decide(
    commands: CommandsDep,
    case_no: CaseNo,
    body: ByMember,
    move: Move,
    reason: EndReason | None,
    note: str | None,
) -> Decided:
    done = await commands.send(DecideCase(body.tenant, case_no, move, body.by_member, reason, note))
    return Decided.model_validate(done)
