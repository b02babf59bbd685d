"""A sheet of components: its columns, and what may stand in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from libs.contracts.message import CategoryCode
from libs.contracts.values import ComponentCode, not_swapped
from libs.sentences import Sentence
from libs.sheets.cells import IfAny, Name, NoFormula
from libs.sheets.forms import Column, Form, SheetLine, one_of
from services.dispatch.components.domain.inventory import State

STATES = {"active": "在用", "retired": "停用"}


Code = Annotated[ComponentCode, NoFormula]


class Entry(SheetLine):
    """`org_id` is the id or the name of an organisation."""

    code: Code
    kind: CategoryCode
    name: Annotated[Name | None, IfAny] = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    latitude: Annotated[float, Field(allow_inf_nan=False), AfterValidator(not_swapped), Field(ge=-90, le=90)]
    org_id: Annotated[Name | None, IfAny] = None
    state: State = State.ACTIVE


FORM = Form(
    "components",
    "部件",
    Entry,
    {
        "code": Column(
            "编码",
            Sentence("一至六十四个可见字符，不重复", "1 to 64 visible characters, each code once"),
            also=("部件编码", "标识码"),
        ),
        "kind": Column(
            "类别",
            Sentence(
                "五位数字，如 01103；单元格应为文本格式，否则开头的零会丢失",
                "five digits, such as 01103; leading zeros need cells of text",
            ),
            also=("category", "类别代码"),
        ),
        "name": Column(
            "名称", Sentence("至多一百字，可空", "up to 100 characters, or nothing"), optional=True, also=("部件名称",)
        ),
        "longitude": Column("经度", Sentence("WGS84 的度数，如 119.213", "degrees of WGS84, such as 119.213")),
        "latitude": Column("纬度", Sentence("WGS84 的度数，如 36.478", "degrees of WGS84, such as 36.478")),
        "org_id": Column(
            "责任单位",
            Sentence(
                "本街道现有组织的编号或名称，可空", "the id or the name of an organisation of the street, or nothing"
            ),
            optional=True,
            also=("organisation", "责任组织", "组织编号"),
        ),
        "state": one_of("状态", STATES, optional=True),
    },
)
