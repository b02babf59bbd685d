"""The columns of the responsibility list, as programs and as clerks call them, and the words that stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """`words`: what stands in it, by its code, in Chinese. Where either may stand, both are read."""

    zh: str
    right: str
    words: Mapping[str, str] = field(default_factory=dict)

    def code_of(self, cell: str) -> str:
        return next((code for code, word in self.words.items() if word == cell), cell)


def _one_of(zh: str, words: Mapping[str, str]) -> Column:
    return Column(zh, ", ".join(f"{code} {word}" for code, word in words.items()), words)


NAME = "1 to 100 characters 一至一百字"
AMOUNT = "a whole number from 1 to 1000 整数"
CLOCK_UNITS = {
    "work_hour": "工作时",
    "work_day": "工作日",
    "urgent_hour": "紧急工作时",
    "natural_day": "自然日",
}

COLUMNS: Mapping[str, Column] = {
    "category": Column("类别代码", "five digits, such as 11001; leading zeros need cells of text 五位数字，文本格式"),
    "name_zh": Column("类别名称", NAME),
    "name_en": Column("英文名称", NAME),
    "area": Column("领域", NAME),
    "kind": _one_of("部件或事项", {"component": "部件", "matter": "事项"}),
    "registration": _one_of("立案方式", {"automatic": "自动立案", "acceptor": "受理立案", "verify": "核实立案"}),
    "start_level": _one_of("起始层级", {"street": "街道", "community": "社区", "grid": "网格", "micro_grid": "微网格"}),
    "org_kind": _one_of(
        "责任组织",
        {
            "street_committee": "街道党工委",
            "community_org": "社区党组织",
            "branch": "基层党支部",
            "party_group": "网格党小组",
        },
    ),
    "skills": Column("所需技能", "words such as electrician;plumber, or nothing 英文小写，分号分隔，可空"),
    "claim_amount": Column("接单时限", AMOUNT),
    "claim_unit": _one_of("接单时限单位", CLOCK_UNITS),
    "handle_amount": Column("处置时限", AMOUNT),
    "handle_unit": _one_of("处置时限单位", CLOCK_UNITS),
    "check_amount": Column("核查时限", AMOUNT),
    "check_unit": _one_of("核查时限单位", CLOCK_UNITS),
    "evidence": _one_of("处置凭证", {"none": "无", "note": "文字", "photo": "照片"}),
    "points": Column("积分", "a whole number from 0 to 1000 整数"),
    "standard_ref": Column("依据标准", "up to 100 characters, or nothing 至多一百字，可空"),
    "condition": Column(
        "适用条件", "nothing, or terms joined by ; such as unit=370784004201;request_kind=errand;hours=off 可空"
    ),
    "effective_from": Column("生效日期", "the first day, such as 2027-01-01, or nothing 首日，可空"),
    "effective_until": Column("有效期至", "the last day, such as 2027-12-31, or nothing 末日，可空"),
}

OPTIONAL = ("condition", "effective_from", "effective_until")
"""A list whose rows apply always needs none of these."""

OF_HEADER: Mapping[str, str] = {title: name for name, column in COLUMNS.items() for title in (name, column.zh)}
