"""The reasons for which a report or case ends without being worked on, in words."""

from __future__ import annotations

from collections.abc import Mapping

from libs.contracts.incident import EndReason
from libs.transitions import Label
from services.incident.domain.case import Move

REASON_WORDS: Mapping[EndReason, Label] = {
    EndReason.NOT_OURS: Label("it is not for the street to deal with", "不属于街道受理范围"),
    EndReason.UNCLEAR: Label("it does not say clearly enough what is wrong", "内容不清，无法办理"),
    EndReason.NO_SUCH_PLACE: Label("the place could not be found", "地点无法确认"),
    EndReason.UNTRUE: Label("it was not found so on site", "经现场核实，情况不属实"),
    EndReason.DEALT_WITH_ELSEWHERE: Label("it is being dealt with elsewhere", "已由其他渠道办理"),
    EndReason.MISTAKEN: Label("it was reported by mistake", "误报"),
    EndReason.TEST: Label("it was a test", "测试"),
    EndReason.WITHDRAWN: Label("its reporter took it back", "上报人撤回"),
    EndReason.REPORTED_BEFORE: Label("it had been reported before", "重复上报"),
}

REASONS_FOR: Mapping[Move, tuple[EndReason, ...]] = {
    Move.REJECT: (
        EndReason.NOT_OURS,
        EndReason.UNCLEAR,
        EndReason.NO_SUCH_PLACE,
        EndReason.DEALT_WITH_ELSEWHERE,
        EndReason.REPORTED_BEFORE,
    ),
    Move.DISPROVE: (EndReason.UNTRUE,),
    Move.VOID: (
        EndReason.MISTAKEN,
        EndReason.TEST,
        EndReason.WITHDRAWN,
        EndReason.REPORTED_BEFORE,
        EndReason.NOT_OURS,
        EndReason.DEALT_WITH_ELSEWHERE,
    ),
}
