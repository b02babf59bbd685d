"""The columns of the responsibility list, as programs and as clerks call them, and the words that stand in them."""

from __future__ import annotations

from collections.abc import Mapping

from libs.contracts.values import LEVELS_ZH
from libs.sentences import Sentence
from libs.sheets.forms import Column, one_of
from services.dispatch.street.domain.responsibility import HELPERS_AT_MOST

NAME = Sentence("一至一百字", "1 to 100 characters")
AMOUNT = Sentence("一至一千的整数", "a whole number from 1 to 1000")
ORG_KINDS = {
    "street_committee": "街道党工委",
    "community_org": "社区党组织",
    "branch": "基层党支部",
    "party_group": "网格党小组",
}
CLOCK_UNITS = {
    "work_hour": "工作时",
    "work_day": "工作日",
    "urgent_hour": "紧急工作时",
    "natural_day": "自然日",
}

COLUMNS: Mapping[str, Column] = {
    "category": Column(
        "类别代码",
        Sentence(
            "五位数字，如 11001；单元格应为文本格式，否则开头的零会丢失",
            "five digits, such as 11001; leading zeros need cells of text",
        ),
    ),
    "name_zh": Column("类别名称", NAME),
    "name_en": Column("英文名称", Sentence("至多一百字，可空", "up to 100 characters, or nothing"), optional=True),
    "area": Column("领域", NAME),
    "kind": one_of("部件或事项", {"component": "部件", "matter": "事项"}),
    "registration": one_of("立案方式", {"automatic": "自动立案", "acceptor": "受理立案", "verify": "核实立案"}),
    "start_level": one_of("起始层级", LEVELS_ZH),
    "org_kind": one_of("责任组织", ORG_KINDS),
    "skills": Column(
        "所需技能",
        Sentence(
            "技能名称，如 电工；水工，分号分隔，可空", "words such as 电工;水工 or electrician;plumber, or nothing"
        ),
    ),
    "claim_amount": Column("接单时限", AMOUNT),
    "claim_unit": one_of("接单时限单位", CLOCK_UNITS),
    "handle_amount": Column("处置时限", AMOUNT),
    "handle_unit": one_of("处置时限单位", CLOCK_UNITS),
    "check_amount": Column("核查时限", AMOUNT),
    "check_unit": one_of("核查时限单位", CLOCK_UNITS),
    "evidence": one_of("处置凭证", {"none": "无", "note": "文字", "photo": "照片"}),
    "points": Column("积分", Sentence("零至一千的整数", "a whole number from 0 to 1000")),
    "standard_ref": Column("依据标准", Sentence("至多一百字，可空", "up to 100 characters, or nothing")),
    "condition": Column(
        "适用条件",
        Sentence(
            "可空，或由分号连接，如 unit=370784004201;request_kind=errand;hours=off",
            "nothing, or terms joined by ; such as unit=370784004201;request_kind=errand;hours=off",
        ),
        optional=True,
    ),
    "effective_from": Column(
        "生效日期",
        Sentence("首日，如 2027-01-01，可空", "the first day, such as 2027-01-01, or nothing"),
        optional=True,
    ),
    "effective_until": Column(
        "有效期至", Sentence("末日，如 2027-12-31，可空", "the last day, such as 2027-12-31, or nothing"), optional=True
    ),
    "unanswered": one_of("逾期未补充", {"go_on": "继续办理", "end": "不再办理"}, optional=True),
    "helpers": Column(
        "协办单位",
        Sentence(
            f"网格代码，或 {'、'.join(LEVELS_ZH.values())}（工单的上级），分号分隔，至多 {HELPERS_AT_MOST} 个，可空",
            f"codes of units, or {', '.join(LEVELS_ZH)} (above the unit of the order), joined by ;, "
            f"{HELPERS_AT_MOST} at most, or nothing",
        ),
        optional=True,
    ),
}
"""A list may do without the last five: its rows apply always, a case goes on unanswered, and nobody helps."""
