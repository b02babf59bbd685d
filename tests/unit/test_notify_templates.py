"""Every template is there in both languages and says only what it can know."""

from __future__ import annotations

from enum import StrEnum

import pytest

from libs.contracts.dispatch import CancelCause, EscalationCause, HelpCause
from libs.contracts.incident import EndReason, Grade
from libs.contracts.values import Answer, Level, RequestKind, Stage
from services.notify.audience.domain import RULES, Follower, Reporter
from services.notify.wording.domain import RenderedMessage, Template, Wording, say
from services.notify.wording.rendering import WORDINGS, render, tracking_link, values

KNOWN = {rule.template: (fact, rule) for fact, rule in RULES.items()}
WORDS: dict[str, type[StrEnum]] = {
    "stage": Stage,
    "cause": EscalationCause,
    "to_level": Level,
    "because": CancelCause,
    "why": HelpCause,
    "end_reason": EndReason,
    "grade": Grade,
    "proposal_answer": Answer,
    "request_kind": RequestKind,
}


def test_there_are_two_languages() -> None:
    assert set(WORDINGS) == {"zh", "en"}


@pytest.mark.parametrize("language", WORDINGS)
def test_every_fact_has_its_template_and_no_template_is_left_over(language: str) -> None:
    assert set(WORDINGS[language].templates) == set(KNOWN)


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("name", KNOWN)
def test_a_template_says_only_what_is_known(language: str, name: str) -> None:
    fact, rule = KNOWN[name]
    known = {*rule.says, *(["case_no"] if "case_id" in fact.model_fields else [])}
    if isinstance(rule.audience, Reporter | Follower):
        known.add("link")
    if "place" in rule.says:
        known |= {"map", "accuracy_m"}
    assert WORDINGS[language].templates[name].placeholders() <= known


@pytest.mark.parametrize("name", KNOWN)
def test_both_languages_say_the_same(name: str) -> None:
    assert WORDINGS["zh"].templates[name].placeholders() == WORDINGS["en"].templates[name].placeholders()


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_is_stored_that_no_template_says(name: str) -> None:
    assert set(KNOWN[name][1].says) <= WORDINGS["zh"].templates[name].placeholders()


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("parameter", WORDS)
def test_each_language_translates_every_value_of_a_parameter(language: str, parameter: str) -> None:
    assert set(WORDINGS[language].words[parameter]) == set(WORDS[parameter])


def test_words_are_put_into_the_language() -> None:
    said = {"case_no": "20261123-000001", "stage": "handle", "due_at": "2026-11-24 08:00"}
    assert "处置时限" in render("zh", "deadline_near", said).subject
    assert "time to handle" in render("en", "deadline_near", said).subject


def test_where_it_is_opens_a_map() -> None:
    parameters = {"place": "村东头 · 119.21310, 36.43120", "longitude": "119.2131", "latitude": "36.4312"}
    template = "https://map.example/?lon={longitude}&lat={latitude}"
    said = values(parameters, case_no="1", link=None, map_template=template)
    text = render("zh", "offered", said).text
    assert "地点：村东头 · 119.21310, 36.43120\n地图：https://map.example/?lon=119.2131&lat=36.4312\n" in text
    assert "精度" not in text
    vague = values(parameters | {"accuracy_m": "40"}, case_no="1", link=None, map_template=template)
    assert "坐标精度：约 40 米\n" in render("zh", "offered", vague).text
    assert "The point is good to about 40 m\n" in render("en", "assigned", vague).text
    named = values({"place": "村东头"}, case_no="1", link=None, map_template=template)
    text = render("en", "offered", named).text
    assert "Where: 村东头\n" in text
    assert "Map" not in text


def test_the_answer_to_a_proposal_is_said_in_words_and_nothing_of_it_to_others() -> None:
    answer = {"proposal_answer": "planned", "planned_for": "2027-06-30", "result": "已报入明年项目"}
    said = {"case_no": "20261123-000001", "link": "x", **answer}
    assert "答复：列入计划\n计划落实日期：2027-06-30\n办理结果：已报入明年项目\n" in render("zh", "closed", said).text
    assert "proposal: planned\nPlanned for: 2027-06-30\n" in render("en", "closed", said).text
    nothing = said | {"proposal_answer": "", "planned_for": ""}
    assert "答复" not in render("zh", "closed", nothing).text
    assert "proposal" not in render("en", "closed", nothing).text


def test_who_reviews_an_answer_is_not_sent_to_a_place() -> None:
    said = {"case_no": "1", "category_name": "路灯", "unit_name": "儒林", "due_at": "2026-11-24 08:00"}
    assert "到现场核查" in render("zh", "inspection_assigned", {**said, "kind": "check"}).text
    review = render("zh", "inspection_assigned", {**said, "kind": "review"})
    assert "请在 2026-11-24 08:00 前审阅对建议的答复" in review.text
    assert "现场" not in review.subject + review.text


def test_an_offer_says_that_it_is_a_proposal_and_which_component_it_is_about() -> None:
    text = render("en", "offered", {"request_kind": "proposal", "component": "LD-1 (lamp 1)"}).text
    assert "Kind: proposal: please accept, plan or decline it, and say why\n" in text
    assert "Component: LD-1 (lamp 1)\n" in text


def test_an_unknown_language_is_told_in_chinese() -> None:
    assert render(None, "closed", {"case_no": "1", "link": "x"}) == render(
        "zh", "closed", {"case_no": "1", "link": "x"}
    )


def test_a_subject_is_one_line_whatever_it_says() -> None:
    said = render("en", "registered", {"category_name": "a\r\nBcc: b@c.example", "case_no": "1", "link": "x"})
    assert "\n" not in said.subject
    assert "\r" not in said.subject


def test_braces_in_a_report_are_said_as_they_are() -> None:
    wording = Wording({"t": Template("{summary}", "{summary}")}, {})
    assert say(wording, "t", {"summary": "{link.__class__} {0}"}).subject == "{link.__class__} {0}"


def test_what_an_older_notice_does_not_hold_is_left_blank() -> None:
    assert say(Wording({"t": Template("a {new} b", "")}, {}), "t", {}).subject == "a b"


def test_the_tracking_link_leads_to_the_case_or_to_the_street_when_there_is_no_code() -> None:
    assert tracking_link("https://street.example/", "0123456789ABC") == "https://street.example/v1/track/0123456789ABC"
    assert tracking_link("https://street.example/", None) == "https://street.example"


def test_what_is_said_to_somebody_does_not_stand_in_a_log() -> None:
    assert "secret" not in repr(RenderedMessage("secret", "secret"))
