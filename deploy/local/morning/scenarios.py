"""Which reports of a morning go another way than most: given back by everybody, merged, suspended, reopened twice …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from deploy.local.linghe.street import Street
from deploy.local.morning.planned_reports import Outcome, PlaceChoice, PlannedReport
from libs.transitions import Label

LAMP, SEWER, RUBBISH, ROAD, PIPE, SQUARE, LEGAL_AID = "11001", "11003", "16001", "11007", "11002", "11005", "17003"
WRITTEN: Mapping[str, str] = {
    LAMP: "东头的路灯连着两晚不亮，走夜路看不清。",
    SEWER: "后街下水道堵了，污水往外冒。",
    RUBBISH: "村口有一堆垃圾没人清，味道很大。",
    ROAD: "进村路坑坑洼洼，下雨全是水坑。",
    PIPE: "卫生室旁边自来水管爆了，水流到路上了。",
    SQUARE: "文化广场能不能添几张带靠背的长椅，老人歇脚方便。",
    LEGAL_AID: "想了解法律援助怎么申请、要带什么材料。",
}
UNCERTAIN_METRES = 5_000.0
"""How far off a point may be whose report is passed on: far enough that other units lie within."""
WRITTEN_AGAIN = "东头路灯又不亮了，这两晚走夜路都看不清。"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What becomes of a report of this category. `satisfied` is what its reporter says of the first closing."""

    words: Label
    category: str
    satisfied: bool | None = True


USUAL: Mapping[Outcome, Label] = {
    "handled": Label("handled", "处置"),
    "returned_first": Label("given back once", "回退"),
    "check_fails_first": Label("reworked", "返工"),
    "nobody_claims": Label("claimed at noon", "迟迟无人接单"),
}
SCENARIOS: Mapping[Outcome, Scenario] = {
    "lapses": Scenario(Label("claim clock runs out", "接单超时升级"), PIPE),
    "everybody_returns": Scenario(Label("given back by all", "逐一回退升级"), LEGAL_AID),
    "raised": Scenario(Label("raised by hand", "上交"), RUBBISH),
    "sent_down": Scenario(Label("sent down", "下派"), ROAD),
    "passed_on": Scenario(Label("passed on, uncertain point", "坐标不准转派"), RUBBISH),
    "survives": Scenario(Label("takes others in", "主案件"), LAMP),
    "merged": Scenario(Label("merged", "合并"), LAMP),
    "takes_wrongly": Scenario(Label("takes a wrong one in", "误并入"), LAMP),
    "unmerged": Scenario(Label("merged, taken out", "取消合并"), LAMP),
    "voided": Scenario(Label("voided", "作废"), RUBBISH, None),
    "extended": Scenario(Label("extended", "延期"), SEWER),
    "refused": Scenario(Label("more time refused", "延期未获批"), PIPE),
    "suspended": Scenario(Label("suspended, resumed", "挂账后恢复"), ROAD),
    "appealed": Scenario(Label("reopened, appeal upheld", "申诉成立"), RUBBISH, False),
    "supervised": Scenario(Label("supervised", "督办"), SEWER),
    "absent": Scenario(Label("offered past an absence", "请假改派"), RUBBISH),
    "dissatisfied_twice": Scenario(Label("reopened twice", "两次重新立案"), LAMP, False),
    "corrected": Scenario(Label("corrected, moved", "更正后转办"), SEWER),
    "questioned": Scenario(Label("reporter asked, answered", "请补充后答复"), RUBBISH),
    "withdrawn": Scenario(Label("taken back", "撤回"), ROAD, None),
    "followed": Scenario(Label("followed by another", "他人关注"), PIPE),
    "helped": Scenario(Label("helped by others", "主办协办"), SEWER),
    "proposed": Scenario(Label("proposed, planned, done", "建议列入计划并落实"), SQUARE),
}
SAME_AS: Mapping[Outcome, Outcome] = {"merged": "survives", "unmerged": "takes_wrongly"}
"""Whoever reports the one reports the same matter as who has reported the other just before."""

WORDS: Mapping[Outcome, Label] = {**USUAL, **{outcome: scenario.words for outcome, scenario in SCENARIOS.items()}}


def with_scenarios(plans: Sequence[PlannedReport], street: Street, times: int) -> list[PlannedReport]:
    """The same morning, in which each scenario is played so many times by residents who leave an address."""
    fit = iter(
        number
        for number, plan in enumerate(plans)
        if plan.sender == "resident-app" and plan.lies in ("inside", "named") and plan.contact_email is not None
    )
    played = list(plans)
    for outcome in _outcomes(times):
        number = next(fit)
        plan = replace(
            plans[number],
            outcome=outcome,
            category=SCENARIOS[outcome].category,
            text=WRITTEN[SCENARIOS[outcome].category],
            request_kind="proposal" if outcome == "proposed" else "snapshot",
            documents=(),
            satisfied=SCENARIOS[outcome].satisfied,
        )
        if outcome in SAME_AS:
            first = next(p for p in reversed(played[:number]) if p.outcome == SAME_AS[outcome])
            same = {name: getattr(first, name) for name in ("point", "place_name", "lies", "expected_unit")}
            plan = replace(plan, **same, text=WRITTEN_AGAIN, same_as=first.idempotency_key)
        if outcome == "passed_on":
            plan = replace(_inside_a_unit(plan, street, number), accuracy_m=UNCERTAIN_METRES)
        if outcome == "everybody_returns":
            name, unit = _where_few_can(street, "legal")
            plan = replace(plan, point=None, lies="named", place_name=name, expected_unit=unit)
        played[number] = plan
    return played


def _inside_a_unit(plan: PlannedReport, street: Street, seed: int) -> PlannedReport:
    """With a point, whether or not it had one."""
    there = PlaceChoice(street).draw("inside", Random(seed))
    return replace(plan, point=there.point, place_name=None, lies="inside", expected_unit=there.expected_unit)


def _outcomes(times: int) -> Iterator[Outcome]:
    """Those first whose clocks have to run out."""
    for _ in range(times):
        yield "lapses"
    for _ in range(times):
        yield from (outcome for outcome in SCENARIOS if outcome != "lapses")


def _where_few_can(street: Street, skill: str) -> tuple[str, str]:
    """Name and code of a grid of the community in which the fewest have the skill."""
    parents = {unit.code: unit.parent for unit in street.units}
    level = {unit.code: unit.level for unit in street.units}
    able = Counter({unit.code: 0 for unit in street.units if unit.level == "community"})
    for member in street.members:
        above: str | None = member.unit
        while above is not None and level[above] != "community":
            above = parents[above]
        if above is not None and skill in member.skills:
            able[above] += 1
    community = min(able, key=lambda code: (able[code], code))
    grid = next(unit for unit in street.units if unit.parent == community and unit.aliases)
    return grid.aliases[0], grid.code
