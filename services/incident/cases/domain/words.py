"""What a person who follows a case reads, in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from libs.contracts.incident import EndReason
from libs.contracts.values import Answer
from libs.transitions import Label
from services.incident.cases.domain.case import State

Words = dict[str, str]


def _words(zh: str, en: str) -> Words:
    return {"zh": zh, "en": en}


STATE_WORDS: Mapping[State, Words] = {
    State.REPORTED: _words("已上报，等待受理", "Reported, waiting to be accepted"),
    State.VERIFYING: _words("正在现场核实", "Being verified on site"),
    State.REGISTERED: _words("已立案", "Registered"),
    State.IN_PROGRESS: _words("处置中", "In progress"),
    State.RESOLVED: _words("已处置，等待核查", "Handled, waiting to be checked"),
    State.CLOSED: _words("已结案", "Closed"),
    State.REJECTED: _words("不予受理", "Rejected"),
    State.VOID: _words("已作废", "Voided"),
    State.MERGED: _words("已并入同一事项的案件", "Joined with another case of the same matter"),
}
STEPS: Mapping[str, Words] = {
    "reported": _words("收到上报", "Report received"),
    "registered": _words("已立案", "Registered"),
    "rejected": _words("不予受理", "Rejected"),
    "void": _words("已作废", "Voided"),
    "merged": _words("已并入同一事项的案件", "Joined with another case of the same matter"),
    "joined": _words("另一案件并入本案", "Another case was merged into it"),
    "parted": _words("并入的案件已分出", "A case that was merged into it was taken out"),
    "put_under": _words("上级案件已变更", "Put under another case, or under none"),
    "unmerged": _words("单独办理", "Taken up on its own again"),
    "dispatched": _words("已派遣到网格", "Sent to the grid that answers for it"),
    "claimed": _words("网格成员已接单", "Taken on by somebody of the grid"),
    "assigned": _words("已指派网格成员", "Given to somebody of the grid"),
    "returned": _words("退回重派", "Given back, being passed on"),
    "escalated": _words("已上报上一级", "Passed to the level above"),
    "started": _words("开始处置", "Work has begun"),
    "help_asked": _words("请求协办", "Help was asked for"),
    "help_assigned": _words("协办已指派", "Help was assigned"),
    "help_done": _words("协办已完成", "Help was done"),
    "help_overdue": _words("协办超时", "Help is overdue"),
    "help_called_off": _words("协办已撤销", "Help was called off"),
    "approval_asked": _words("已提请审批", "Approval was asked for"),
    "approval_refused": _words("审批未通过", "Approval was refused"),
    "extended": _words("经批准延期", "Given more time"),
    "suspended": _words("经批准暂缓办理", "Put off, as approved"),
    "resumed": _words("恢复办理", "Worked on again"),
    "appointment_changed": _words("已改约", "Another appointment was made"),
    "rescheduled": _words("工单已改期", "The order was put to another time"),
    "questioned": _words("请您补充", "You were asked for more"),
    "paused": _words("计时暂停", "The clock stands still"),
    "answered": _words("已补充", "Answered"),
    "unanswered": _words("未收到补充", "No answer came in time"),
    "corrected": _words("已更正", "Corrected"),
    "order_corrected": _words("工单已随之更正", "The order was corrected as well"),
    "order_moved": _words("工单已转到他处", "The order went elsewhere"),
    "cancelled": _words("工单已取消", "The order was cancelled"),
    "continued": _words("计时继续", "The clock goes on"),
    "supervised": _words("上级督办", "Followed up by a higher level"),
    "sent_down": _words("已下派", "Passed to the level below"),
    "passed_on": _words("已转派", "Passed on to the neighbours"),
    "overdue": _words("已超时，正在督办", "Overdue, being followed up"),
    "handled": _words("已处置", "Handled"),
    "passed": _words("核查通过，已结案", "Checked and closed"),
    "failed": _words("核查未通过，继续处置", "Checked, to be done again"),
    "noted": _words("内部备注", "A note for colleagues"),
    "discussed": _words("已在议事会上通报", "Reported on at a meeting"),
    "carried_out": _words("所列计划已落实", "Carried out as planned"),
    "evaluated": _words("已评价", "Evaluated"),
    "settled": _words("评价期已过", "The time to evaluate it is over"),
    "street_evaluated": _words("街道已评价", "Evaluated by the street"),
    "appeal_upheld": _words("申诉成立", "An appeal was upheld"),
    "followed": _words("有居民关注", "Somebody follows it"),
    "unfollowed": _words("有居民取消关注", "Somebody no longer follows it"),
    "reopened": _words("重新立案", "Reopened"),
}
"""In the order of a case's life: what brings something about stands before it."""
FOR_STAFF = frozenset(
    (
        *(
            "joined",
            "parted",
            "put_under",
            "settled",
            "help_asked",
            "help_assigned",
            "help_done",
            "help_overdue",
            "help_called_off",
        ),
        *("approval_asked", "approval_refused", "rescheduled", "paused", "order_corrected", "order_moved", "cancelled"),
        *("continued", "noted", "street_evaluated", "appeal_upheld", "followed", "unfollowed"),
    )
)
"""The person who reported does not see these."""
STEP_WORDS: Mapping[str, Words] = {step: words for step, words in STEPS.items() if step not in FOR_STAFF}
ANSWER_WORDS: Mapping[Answer, Words] = {
    Answer.ACCEPTED: _words("采纳", "Accepted"),
    Answer.PLANNED: _words("列入计划", "Planned"),
    Answer.DECLINED: _words("不采纳", "Declined"),
}
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
_ORDER = {step: place for place, step in enumerate(STEPS)}


class Happened(Protocol):
    """An entry of the timeline."""

    @property
    def step(self) -> str: ...
    @property
    def happened_at(self) -> datetime: ...


H = TypeVar("H", bound=Happened)


def in_order(entries: Iterable[H]) -> list[H]:
    """Entries by time; those of the same instant in the order of a case's life."""
    return sorted(entries, key=lambda entry: (entry.happened_at, _ORDER.get(entry.step, len(_ORDER))))
