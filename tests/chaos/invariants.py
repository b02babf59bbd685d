"""Everything that must hold when faults are healed and nothing is under way any more."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from deploy.local.reconciliation import databases
from deploy.local.reconciliation.check import Check
from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    HelpCalledOff,
    HelpDone,
    MemberAbsent,
    OrderChecked,
    OrderContinued,
    OrderEscalated,
    OrderExtended,
    OrderMoved,
    OrderPassedOn,
    OrderPaused,
    OrderResumed,
    OrderReturned,
    OrderSentDown,
    OrderSupervised,
    OrderSuspended,
    PatrolMissed,
    PatrolVisited,
)
from libs.contracts.incident import (
    CaseAnswered,
    CaseCarriedOut,
    CaseCorrected,
    CaseEvaluated,
    CaseFollowed,
    CaseMerged,
    CaseReopened,
    CaseUnmerged,
    CaseVoided,
)
from libs.contracts.message import Message
from libs.contracts.scoring import PointsReversed
from libs.contracts.values import Answer
from tests.chaos import evidence
from tests.chaos.dead_letters import replay_works
from tests.chaos.ground import Ground
from tests.chaos.statements.cases import about_cases
from tests.chaos.statements.commands import about_commands
from tests.chaos.statements.imports import about_imports
from tests.chaos.statements.joint import about_joint
from tests.chaos.statements.merges import about_merges
from tests.chaos.statements.messages import about_messages
from tests.chaos.statements.notifications import about_notifications
from tests.chaos.statements.orders import about_orders
from tests.chaos.statements.points import about_points
from tests.chaos.statements.proposals import about_proposals
from tests.chaos.statements.reporters import about_reporters
from tests.chaos.statements.reports import about_reports


async def check(world: Ground, journal_folder: Path) -> list[Check]:
    """Each check is a statement about the whole run, and what contradicts it."""
    found = await evidence.take(world, journal_folder)
    return [*judge(found), everything_happened(found), await replay_works(world, found)]


HAPPENED: tuple[type[Message], ...] = (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    CaseAnswered,
    CaseCarriedOut,
    CaseCorrected,
    CaseEvaluated,
    CaseFollowed,
    CaseMerged,
    CaseReopened,
    CaseUnmerged,
    CaseVoided,
    HelpCalledOff,
    HelpDone,
    MemberAbsent,
    OrderContinued,
    OrderEscalated,
    OrderExtended,
    OrderMoved,
    OrderPassedOn,
    OrderPaused,
    OrderResumed,
    OrderReturned,
    OrderSentDown,
    OrderSupervised,
    OrderSuspended,
    PatrolMissed,
    PatrolVisited,
    PointsReversed,
)
"""What a run of a minute or more has seen at least once: a statement about nothing would hold."""


def everything_happened(found: evidence.Evidence) -> Check:
    silent = [kind.type_name() for kind in HAPPENED if not found.of(kind)]
    cases = found.found["incident"]["cases"]
    silent += [] if any(case["sender"] == databases.PATROL_SENDER for case in cases) else ["a finding of a patrol"]
    silent += [] if any(case["request_kind"] == "errand" for case in cases) else ["an errand"]
    silent += [f"a proposal that is {answer}" for answer in Answer if answer not in {case["answer"] for case in cases}]
    silent += [] if found.found["incident"]["standing"] else ["minutes that tell of what was raised before"]
    taken = {each.kind for each in found.asked if each.taken}
    silent += [f"an import of {what}" for what in ("responsibility-list", "components", "roster") if what not in taken]
    refused = any(each.status == 422 for each in found.asked_for("responsibility-list"))
    silent += [] if refused else ["a list that was refused"]
    return Check("the load had something of everything that the statements are about", tuple(silent))


def ended_too_late(found: evidence.Evidence) -> set[UUID]:
    """The cases that were voided or merged while a fault kept dispatch from hearing of it, until their order was
    checked: that stays as it is."""
    heard = {row["message_id"]: row["received_at"] for row in found.found["dispatch"]["inbox"]}
    checked = {
        each.message.case_id: each.recorded_at
        for each in found.facts["dispatch"]
        if isinstance(each.message, OrderChecked) and each.message.passed
    }
    return {
        each.message.case_id
        for each in found.facts["incident"]
        if isinstance(each.message, CaseVoided | CaseMerged)
        and each.message.case_id in checked
        and each.message.id in heard
        and checked[each.message.case_id] < heard[each.message.id]
    }


def judge(found: evidence.Evidence) -> list[Check]:
    """In the order of a report's life. Pure."""
    return [
        *about_reports(found),
        *about_commands(found),
        *about_cases(found),
        *about_merges(found),
        *about_proposals(found),
        *about_orders(found),
        *about_joint(found),
        *about_imports(found),
        *about_reporters(found),
        *about_points(found),
        *about_notifications(found),
        *about_messages(found),
        *databases.agreement(found.found, ended_too_late(found)),
    ]
