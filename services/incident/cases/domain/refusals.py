"""Why something that is asked of a case is not done: what is asked is wrong, or the case does not allow it now."""

from __future__ import annotations

from dataclasses import dataclass

from libs.sentences import Sentence, none_in_street
from services.incident.cases.domain.case import TRANSITIONS, Standing


def no_case(tenant: str, case_no: str) -> Sentence:
    return none_in_street(tenant, f"案件 {case_no}", f"case {case_no}")


NO_SUCH_CODE = Sentence("没有使用这个查询码的案件。", "There is no case with this tracking code.")


@dataclass(frozen=True, slots=True)
class Refusal:
    title: str
    detail: Sentence


@dataclass(frozen=True, slots=True)
class Conflict:
    title: str
    detail: Sentence


def category_not_in_use(tenant: str, category: str) -> Refusal:
    return Refusal(
        "Unknown category",
        Sentence(
            f"category {category}：街道 {tenant} 没有启用这个类别；GET /v1/categories?tenant={tenant} 列出现有的。",
            f"category {category}: street {tenant} has none of this code in use. "
            f"GET /v1/categories?tenant={tenant} lists those it has.",
        ),
    )


NO_CODE = Sentence(
    "component：像是电话、证件号码或地址，请写部件的编码，如 LH-LD-000123。",
    "component: it looks like a phone or identity number or an address. It is the code of a component, such as "
    "LH-LD-000123.",
)


def no_nul(fields: str) -> Sentence:
    """No database column can hold it."""
    return Sentence(
        f"{fields} 不能含有字符 U+0000，请去掉。", f"{fields} may not hold the character U+0000; leave it out."
    )


def not_closed(case: Standing) -> Conflict:
    """Something can be said of a case when it is closed."""
    zh = f"案件{TRANSITIONS.states[case.state]}，结案后才能评价。"
    return Conflict("Not closed", Sentence(zh, f"The case is {case.state}; it can be evaluated when it is closed."))
