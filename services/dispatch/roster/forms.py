"""The sheets of a roster: what each is called, its columns, and what may stand in them."""

from __future__ import annotations

from datetime import time
from functools import partial
from typing import Annotated, Any, Literal

import shapely
from pydantic import BeforeValidator, Field, StringConstraints
from shapely.geometry import mapping

from libs.contracts.message import GridCode, MemberId, OrgId
from libs.contracts.values import LEVELS_ZH, REQUEST_KINDS, Level, MemberKind, OrgKind
from libs.sentences import Sentence, Unfit
from libs.sheets.cells import FIRST_YEAR, LAST_YEAR, IfAny, Name, Names, Text, Words, day_or
from libs.sheets.forms import Column, Form, SheetLine, one_of
from services.dispatch.responsibility.domain.columns import NAME, ORG_KINDS
from services.dispatch.responsibility.file import LIST
from services.dispatch.roster.domain.places_and_rules import PlaceCells, RuleCells

Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+\.[^@\s.\x00]+)?$")]


def _border(cell: Any) -> Any:
    """A polygon as GeoJSON has it."""
    if not isinstance(cell, str):
        return cell
    if not cell:
        return None
    try:
        return mapping(shapely.from_wkt(cell))
    except shapely.errors.ShapelyError:
        raise Unfit("不是 WKT 多边形", "is no polygon in WKT") from None


class Unit(SheetLine):
    code: GridCode
    level: Level
    parent: Annotated[GridCode | None, IfAny]
    name: Name
    aliases: Names = ()
    border: Annotated[dict[str, Any] | None, BeforeValidator(_border)] = None


class Organisation(SheetLine):
    org_id: OrgId
    kind: OrgKind
    unit: GridCode
    name: Name


class Member(SheetLine):
    member_id: MemberId
    name: Name
    kind: MemberKind
    unit: GridCode
    org_id: OrgId
    skills: Words
    workload_limit: int = Field(ge=0, le=100)
    email: Address
    language: Literal["zh", "en"]


class CalendarDay(SheetLine):
    day: Annotated[Any, BeforeValidator(partial(day_or, None))]
    kind: Literal["holiday", "workday"]
    name: Text


class Hours(SheetLine):
    opens: time
    closes: time


class NamedPlace(SheetLine, PlaceCells):
    pass


class RoutingRule(SheetLine, RuleCells):
    pass


UNIT = Column("网格代码", Sentence("九至十六位数字", "9 to 16 digits"))
NAMES = Sentence("可空，分号分隔", "nothing, or names joined by ;")
DEGREES = Sentence("以度为单位的小数，如 119.213", "degrees, such as 119.213")
CLOCK = Sentence("时刻，如 08:30", "a time of day such as 08:30")
ORG_ID = Column("组织编号", Sentence("如 P370784004", "such as P370784004"))
MEMBER_KINDS = {
    "full_time": "专职网格员",
    "party_member": "党员",
    "volunteer": "志愿者",
    "retired_cadre": "离退休干部",
    "liaison": "包村干部",
    "lead": "街道班子成员",
}

UNITS = Form(
    "units",
    "网格",
    Unit,
    {
        "code": UNIT,
        "level": one_of("层级", LEVELS_ZH),
        "parent": Column(
            "上级代码", Sentence("上一级的代码；街道为空", "the code of the unit above; nothing for the street")
        ),
        "name": Column("名称", NAME),
        "aliases": Column("别名", NAMES, optional=True),
        "border": Column("边界", Sentence("微网格的 WKT 多边形", "a micro-grid's polygon in WKT"), optional=True),
    },
)
ORGANISATIONS = Form(
    "organisations",
    "组织",
    Organisation,
    {"org_id": ORG_ID, "kind": one_of("组织类型", ORG_KINDS), "unit": UNIT, "name": Column("组织名称", NAME)},
)
MEMBERS = Form(
    "members",
    "成员",
    Member,
    {
        "member_id": Column("成员编号", Sentence("如 M0001", "such as M0001")),
        "name": Column("姓名", NAME),
        "kind": one_of("身份", MEMBER_KINDS),
        "unit": UNIT,
        "org_id": ORG_ID,
        "skills": Column(
            "技能", Sentence("如 电工；水工，可空", "such as 电工;水工 or electrician;plumber, or nothing")
        ),
        "workload_limit": Column("在办上限", Sentence("零至一百的整数", "a whole number from 0 to 100")),
        "email": Column("邮箱", Sentence("邮件地址，可空", "a mail address, or nothing"), private=True),
        "language": one_of("语言", {"zh": "中文", "en": "英文"}),
    },
)
CALENDAR = Form(
    "calendar",
    "日历",
    CalendarDay,
    {
        "day": Column(
            "日期", Sentence(f"{FIRST_YEAR} 至 {LAST_YEAR} 年的日期，如 2027-01-01", "a day such as 2027-01-01")
        ),
        "kind": one_of("类型", {"holiday": "放假", "workday": "上班"}),
        "name": Column("名称", Sentence("至多一百字，可空", "up to 100 characters, or nothing")),
    },
)
HOURS = Form("working_hours", "工作时间", Hours, {"opens": Column("上班", CLOCK), "closes": Column("下班", CLOCK)})
PLACES = Form(
    "places",
    "地点",
    NamedPlace,
    {
        "place_id": Column("地点编号", Sentence("至多四十个字母、数字、_ 或 -", "up to 40 letters, digits, _ and -")),
        "name": Column("地点名称", NAME),
        "kind": Column("地点类型", Sentence("一至四十字，如 学校", "1 to 40 characters, such as school")),
        "aliases": Column("别名", NAMES, optional=True),
        "former_names": Column("曾用名", NAMES, optional=True),
        "unit": Column(UNIT.zh, UNIT.right, optional=True),
        "longitude": Column("经度", DEGREES, optional=True),
        "latitude": Column("纬度", DEGREES, optional=True),
    },
)
RULES = Form(
    "routing_rules",
    "派遣规则",
    RoutingRule,
    {
        "number": Column("序号", Sentence("一至三万二千的整数", "a whole number from 1 to 32000")),
        "category": Column(
            "类别代码", Sentence("类别代码或其开头，可空", "a category or what its code begins with, or nothing")
        ),
        "area": Column("领域", Sentence("权责清单中的领域，可空", "an area of the responsibility list, or nothing")),
        "request_kind": one_of("诉求方式", REQUEST_KINDS),
        "within": Column("适用网格", Sentence("网格代码，可空", "a unit's code, or nothing")),
        "to_unit": Column("转至网格", Sentence("网格代码，可空", "a unit's code, or nothing")),
        "to_org_kind": one_of("转至组织类型", ORG_KINDS),
        "note": Column("说明", NAME),
    },
)
FORMS: tuple[Form[Any], ...] = (UNITS, ORGANISATIONS, MEMBERS, LIST, CALENDAR, HOURS, PLACES, RULES)
NEEDED = (ORGANISATIONS, MEMBERS, LIST)
"""Beside the units, which a map has or a sheet. A street that works as the country does, at the usual hours, that needs
no names but those of its units, and that routes by its list alone, has none of the others."""
