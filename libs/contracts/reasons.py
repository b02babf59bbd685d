"""Why something was decided as it was: a reason has a name and values, and its sentence is written when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, Field

from libs.contracts.values import LEVELS_ZH
from libs.sentences import Language, Sentence


class Why(StrEnum):
    """The names of the reasons that an order goes where it goes, and to whom, or that two cases may be the same."""

    POINT_INSIDE = "point_inside"
    POINT_NEAR = "point_near"
    POINT_OUTSIDE = "point_outside"
    POINT_ACCURACY = "point_accuracy"
    POINT_MAY_LIE_IN = "point_may_lie_in"
    POINT_DECIDES = "point_decides"
    NAME_UNKNOWN = "name_unknown"
    NAME_MISSPELT = "name_misspelt"
    NAME_OF_UNIT = "name_of_unit"
    NAME_OF_PLACE = "name_of_place"
    FORMER_NAME = "former_name"
    NAME_AMBIGUOUS = "name_ambiguous"
    WHOLE_STREET = "whole_street"
    ROW_APPLIES = "row_applies"
    ROW_CONDITION = "row_condition"
    ROW_FROM = "row_from"
    ROW_UNTIL = "row_until"
    CATEGORY_NOT_LISTED = "category_not_listed"
    NO_ROW_APPLIES = "no_row_applies"
    RULE_FIRST = "rule_first"
    STARTS_AT = "starts_at"
    ORG_ANSWERS = "org_answers"
    CORRECTED = "corrected"
    REOPENED = "reopened"
    REOPENED_TO_STREET = "reopened_to_street"
    HEAR_FIRST = "hear_first"
    SKILLED_HEAR_FIRST = "skilled_hear_first"
    NOBODY_SKILLED = "nobody_skilled"
    ALL_AT_LIMIT = "all_at_limit"
    WITHOUT_SKILL = "without_skill"
    ABSENT = "absent"
    AT_LIMIT = "at_limit"
    FURTHER_AWAY = "further_away"
    EXPECTED = "expected"
    HOLIDAYS_UNKNOWN = "holidays_unknown"
    COMPONENT_UNKNOWN = "component_unknown"
    COMPONENT_NAMED = "component_named"
    COMPONENT_PLACES = "component_places"
    COMPONENT_RETIRED = "component_retired"
    COMPONENT_KEEPER = "component_keeper"
    SAME_PLACE = "same_place"
    METRES_AWAY = "metres_away"
    HOURS_APART = "hours_apart"
    DAYS_APART = "days_apart"
    TEXT_ALIKE = "text_alike"


@dataclass(frozen=True, slots=True)
class Reason:
    """`reason`: one of the names in docs/routing.md, more with time; `values`: what its sentence is made of."""

    reason: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def zh(self) -> str:
        values = self.values
        if "level" in values:
            values = {**values, "level": LEVELS_ZH.get(str(values["level"]), values["level"])}
        return self._words.zh.format(**values)

    @property
    def en(self) -> str:
        values = self.values
        if "level" in values:
            values = {**values, "level": str(values["level"]).replace("_", "-")}
        return self._words.en.format(**values)

    @property
    def _words(self) -> Sentence:
        """Of what a newer version has written only the name is known here."""
        return WORDS.get(self.reason) or Sentence(self.reason, self.reason)


Explanation = tuple[Reason, ...]


class ReasonView(BaseModel):
    """A reason: as data for programs, and in words."""

    reason: str = Field(description="Its name, one of those in docs/routing.md.", examples=["point_inside"])
    values: dict[str, str | int] = Field(description="What the words are made of.")
    zh: str
    en: str


def told(reasons: Iterable[Reason], language: Language) -> str:
    """In a line."""
    return "；".join(each.zh for each in reasons) if language is Language.ZH else "; ".join(each.en for each in reasons)


WORDS: Mapping[str, Sentence] = {
    Why.COMPONENT_UNKNOWN: Sentence("部件台账中没有 {code}", "the component {code} is not in the inventory"),
    Why.COMPONENT_NAMED: Sentence("上报的部件是 {component}", "the report names the component {component}"),
    Why.COMPONENT_PLACES: Sentence("地点以该部件所在为准", "it stands where the component does"),
    Why.COMPONENT_RETIRED: Sentence("该部件已停用", "the component is retired"),
    Why.COMPONENT_KEEPER: Sentence("该部件由{org}养护", "{org} looks after the component"),
    Why.POINT_INSIDE: Sentence("坐标在{unit}（{code}）内", "the point lies in {unit} ({code})"),
    Why.POINT_NEAR: Sentence(
        "坐标在{unit}（{code}）外 {metres} 米，离它最近",
        "the point lies {metres} m outside of {unit} ({code}), which is nearest",
    ),
    Why.POINT_ACCURACY: Sentence(
        "坐标精度约 {metres} 米，范围内另有 {count} 个单元",
        "the point is good to about {metres} m; other units that this touches: {count}",
    ),
    Why.POINT_MAY_LIE_IN: Sentence(
        "也可能在{unit}（{code}），相距 {metres} 米", "it may lie in {unit} ({code}), {metres} m away, as well"
    ),
    Why.POINT_OUTSIDE: Sentence("坐标不在本街道内", "the point lies outside of the street"),
    Why.POINT_DECIDES: Sentence("地名与坐标不一致，以坐标为准", "the name is of somewhere else, but the point decides"),
    Why.NAME_UNKNOWN: Sentence("“{said}”中没有本街道的地名", "no place of the street is named in “{said}”"),
    Why.NAME_MISSPELT: Sentence("“{said}”与“{name}”相差一个字", "“{said}” is one character off “{name}”"),
    Why.NAME_OF_UNIT: Sentence("“{said}”是{unit}（{code}）", "“{said}” is {unit} ({code})"),
    Why.NAME_OF_PLACE: Sentence("“{said}”在{unit}（{code}）", "“{said}” lies in {unit} ({code})"),
    Why.FORMER_NAME: Sentence(
        "“{said}”是{place}的旧称，在{unit}（{code}）", "“{said}”, a former name of {place}, lies in {unit} ({code})"
    ),
    Why.NAME_AMBIGUOUS: Sentence("“{said}”可能指 {count} 处", "“{said}” may be any of {count} units"),
    Why.WHOLE_STREET: Sentence(
        "这是整个街道，不知道在何处", "that is the whole street, and nobody can tell where in it"
    ),
    Why.ROW_APPLIES: Sentence(
        "适用权责清单第 {version} 版中 {category} 的一行",
        "the row of {category} applies, of version {version} of the list",
    ),
    Why.ROW_CONDITION: Sentence("该行的条件是 {condition}", "the row is for {condition}"),
    Why.ROW_FROM: Sentence("该行自 {day} 起适用", "the row applies from {day}"),
    Why.ROW_UNTIL: Sentence("该行适用至 {day}", "the row applies until {day}"),
    Why.CATEGORY_NOT_LISTED: Sentence(
        "类别 {category} 不在权责清单中", "category {category} is not in the responsibility list"
    ),
    Why.NO_ROW_APPLIES: Sentence(
        "{day} 类别 {category} 没有一行适用于本案", "no row of category {category} applies to the case on {day}"
    ),
    Why.RULE_FIRST: Sentence(
        "规则 {rule}（{note}）先于权责清单：{unit}（{code}）",
        "rule {rule} ({note}) comes before the list: {unit} ({code})",
    ),
    Why.STARTS_AT: Sentence(
        "{category}从{level}办起：{unit}（{code}）", "{category} starts at {level}: {unit} ({code})"
    ),
    Why.ORG_ANSWERS: Sentence("由{org}负责", "{org} answers for it"),
    Why.CORRECTED: Sentence("案件已更正：{reason}", "corrected: {reason}"),
    Why.REOPENED: Sentence("报告人不满意，重新办理", "reopened: the reporter is not satisfied"),
    Why.REOPENED_TO_STREET: Sentence(
        "报告人再次不满意，由街道重新办理",
        "reopened for the second time, now with the street: the reporter is not satisfied",
    ),
    Why.HEAR_FIRST: Sentence("先通知最近的 {count} 人", "{count} hear of it first: the nearest"),
    Why.SKILLED_HEAR_FIRST: Sentence(
        "先通知最近的 {count} 人，均会{skills}", "{count} hear of it first: the nearest with {skills}"
    ),
    Why.NOBODY_SKILLED: Sentence(
        "附近无人会{skills}，先通知最近的 {count} 人", "{count} hear of it first: the nearest, nobody has {skills}"
    ),
    Why.ALL_AT_LIMIT: Sentence("他们的工单都已到上限", "all of them are at their workload limit"),
    Why.WITHOUT_SKILL: Sentence("{count} 人不会，未通知", "not {count} without the skill"),
    Why.ABSENT: Sentence("{count} 人不在岗，未通知", "not {count} who are absent"),
    Why.AT_LIMIT: Sentence("{count} 人的工单已到上限，未先通知", "not {count} at their workload limit"),
    Why.FURTHER_AWAY: Sentence("{count} 人较远，未先通知", "not {count} further away"),
    Why.EXPECTED: Sentence(
        "预约时间 {starts_at} 至 {ends_at}，办理时限从预约时间起算",
        "expected from {starts_at} to {ends_at}: the time to handle it begins with that",
    ),
    Why.HOLIDAYS_UNKNOWN: Sentence(
        "{year} 年节假日尚未公布，周一至周五按工作日计算",
        "the public holidays of {year} are not published yet: Monday to Friday count as working days",
    ),
    Why.SAME_PLACE: Sentence("地点相同：{place}", "the same place: {place}"),
    Why.METRES_AWAY: Sentence("相距 {metres} 米", "{metres} m away"),
    Why.HOURS_APART: Sentence("相隔 {hours} 小时", "{hours} h apart"),
    Why.DAYS_APART: Sentence("相隔 {days} 天", "{days} days apart"),
    Why.TEXT_ALIKE: Sentence("内容 {percent}% 相同", "{percent}% of the text alike"),
}
