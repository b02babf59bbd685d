"""Which facts tell whom."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from libs.contracts.dispatch import (
    DeadlineNear,
    EscalationCause,
    OrderChecked,
    OrderClaimed,
    OrderEscalated,
    OrderOffered,
)
from libs.contracts.incident import CaseRegistered
from libs.contracts.message import Event
from libs.contracts.scoring import PointsPosted
from libs.contracts.values import Channel, Level, Place, Point, Reach, RequestKind, Stage
from services.notify.audience.domain import RULES, Reporter, parameters, recipient_ids
from tests.support.stage import NOON

TENANT = "370784004"
CASE, ORDER = UUID(int=1), UUID(int=2)
REPORTER = f"reporter:{UUID(int=3)}"

REGISTERED = CaseRegistered(
    tenant=TENANT,
    occurred_at=NOON,
    case_id=CASE,
    case_no="20261123-000001",
    category="11001",
    category_name="路灯",
    request_kind=RequestKind.SNAPSHOT,
    place=Place(name="儒林"),
    summary="路灯不亮",
)
OFFERED = OrderOffered(
    tenant=TENANT,
    occurred_at=NOON,
    case_id=CASE,
    order_id=ORDER,
    case_no="20261123-000001",
    category_name="路灯",
    unit_name="儒林",
    summary="路灯不亮",
    place=Place(point=Point(longitude=119.2131, latitude=36.4312), name="村东头"),
    request_kind=RequestKind.SNAPSHOT,
    reach=Reach.GRID,
    offered_to=("M0003", "M0002", "M0001"),
    newly_asked=("M0002", "M0001", "M0002"),
    claim_by=NOON + timedelta(hours=2),
)
CLAIMED = OrderClaimed(
    tenant=TENANT,
    occurred_at=NOON,
    case_id=CASE,
    order_id=ORDER,
    member_id="M0001",
    org_id="O1",
    category="11001",
    handle_by=NOON + timedelta(hours=20),
)
NEAR = DeadlineNear(
    tenant=TENANT,
    occurred_at=NOON,
    case_id=CASE,
    order_id=ORDER,
    stage=Stage.HANDLE,
    due_at=NOON,
    org_id="O1",
    member_ids=("M0001",),
)
ESCALATED = OrderEscalated(
    tenant=TENANT,
    occurred_at=NOON,
    case_id=CASE,
    order_id=ORDER,
    cause=EscalationCause.OVERDUE,
    from_unit="370784004201",
    from_org="O1",
    to_unit="370784004",
    to_org="O0",
    to_level=Level.STREET,
)
POINTS = PointsPosted(
    tenant=TENANT,
    occurred_at=NOON,
    transaction_id=UUID(int=4),
    member_id="M0001",
    org_id="O1",
    points=5,
    rule="handled",
    rules_version=1,
    dimension="d",
    cause_id=UUID(int=5),
)


@pytest.mark.parametrize(
    ("fact", "recipients"),
    [
        (REGISTERED, [REPORTER]),
        (CLAIMED, [REPORTER]),
        (OFFERED, ["member:M0002", "member:M0001"]),
        (NEAR, ["member:M0001"]),
        (ESCALATED, ["org:O1", "org:O0"]),
        (POINTS, ["member:M0001"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_fact_tells_those_whom_it_concerns_once(fact: Event, recipients: list[str]) -> None:
    assert recipient_ids(fact, RULES[type(fact)].audience, [REPORTER]) == recipients


def test_a_report_without_a_contact_tells_no_reporter() -> None:
    assert recipient_ids(REGISTERED, RULES[CaseRegistered].audience, []) == []


def test_points_are_told_in_the_app_only() -> None:
    assert RULES[PointsPosted].channels == {Channel.IN_APP}


def test_every_rule_names_fields_that_its_fact_has() -> None:
    for fact, rule in RULES.items():
        assert set(rule.says) <= set(fact.model_fields), fact.__name__


def test_only_facts_about_cases_tell_reporters() -> None:
    for fact, rule in RULES.items():
        if isinstance(rule.audience, Reporter):
            assert fact.model_fields["case_id"].is_required(), fact.__name__


def test_the_handler_hears_what_is_missing_and_nothing_of_a_check_that_passed() -> None:
    check = OrderChecked(
        tenant=TENANT,
        occurred_at=NOON,
        case_id=CASE,
        order_id=ORDER,
        passed=False,
        member_id="M0001",
        org_id="O1",
        checked_by="M0002",
        checked_by_org="O1",
        category="11001",
        points=5,
        on_time=True,
        own_report=False,
        note="灯罩未装",
    )
    rule = RULES[OrderChecked]
    assert recipient_ids(check, rule.audience, []) == ["member:M0001"]
    assert parameters(check, rule) == {"note": "灯罩未装"}
    assert recipient_ids(check.model_copy(update={"passed": True}), rule.audience, []) == []


def test_whoever_is_to_go_there_is_told_where_it_is() -> None:
    said = parameters(OFFERED, RULES[OrderOffered])
    assert (said["place"], said["longitude"], said["latitude"]) == (
        "村东头 · 119.21310, 36.43120",
        "119.2131",
        "36.4312",
    )
    assert "accuracy_m" not in said
    vague = Place(point=Point(longitude=119.2131, latitude=36.4312, accuracy_m=39.6))
    assert parameters(OFFERED.model_copy(update={"place": vague}), RULES[OrderOffered])["accuracy_m"] == "40"
    named = parameters(OFFERED.model_copy(update={"place": Place(name="村东头")}), RULES[OrderOffered])
    assert named["place"] == "村东头"
    assert "longitude" not in named


def test_times_are_told_in_the_streets_zone() -> None:
    assert parameters(CLAIMED, RULES[OrderClaimed]) == {"handle_by": "2026-11-24 08:00"}


def test_words_are_told_by_their_value_so_that_each_language_has_its_own() -> None:
    said = parameters(ESCALATED, RULES[OrderEscalated])
    assert (said["cause"], said["to_level"]) == ("overdue", "street")
