"""The reasons for which a report or case ends without being worked on, in words."""

from __future__ import annotations

from collections.abc import Mapping

from libs.contracts.incident import EndReason
from libs.contracts.transitions import Words
from services.incident.domain.case import Move

REASON_WORDS: Mapping[EndReason, Words] = {
    EndReason.NOT_OURS: Words("it is not for the street to deal with", "不属于街道受理范围"),
    EndReason.UNCLEAR: Words("it does not say clearly enough what is wrong", "内容不清，无法办理"),
    EndReason.NO_SUCH_PLACE: Words("the place could not be found", "地点无法确认"),
    EndReason.UNTRUE: Words("it was not found so on site", "经现场核实，情况不属实"),
    EndReason.DEALT_WITH_ELSEWHERE: Words("it is being dealt with elsewhere", "已由其他渠道办理"),
    EndReason.MISTAKEN: Words("it was reported by mistake", "误报"),
    EndReason.TEST: Words("it was a test", "测试"),
    EndReason.WITHDRAWN: Words("its reporter took it back", "上报人撤回"),
    EndReason.REPORTED_BEFORE: Words("it had been reported before", "重复上报"),
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
