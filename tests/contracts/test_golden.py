"""Golden JSON pins every version of every message: what was ever on the bus is read by today's code."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from pydantic import ValidationError, create_model

from libs.contracts import cloudevents
from libs.contracts.dispatch import OrderClaimed
from libs.contracts.message import Event, all_messages
from libs.contracts.particulars import Particulars
from libs.contracts.values import Place
from tests.contracts.samples import SAMPLES, body, class_of, lost


def test_every_message_has_a_golden_sample_and_every_sample_its_message() -> None:
    assert {name.partition("+")[0] for name in SAMPLES} == {cls.type_name() for cls in all_messages()}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_golden_sample_is_read_and_loses_nothing(name: str) -> None:
    read = class_of(name).model_validate_json(body(name))
    envelope = cloudevents.encode(read)
    assert lost(json.loads(body(name)), json.loads(envelope.body)) == []
    assert cloudevents.decode(envelope.subject, envelope.headers, envelope.body) == read


@pytest.mark.parametrize("name", SAMPLES)
def test_a_field_of_a_newer_producer_is_ignored(name: str) -> None:
    sample, cls = json.loads(body(name)), class_of(name)
    newer = json.dumps({**sample, "field_of_the_future": {"deep": [1]}}).encode()
    envelope = cloudevents.encode(cls.model_validate(sample))
    assert cloudevents.decode(envelope.subject, envelope.headers, newer) == cls.model_validate(sample)


CLAIMED = OrderClaimed.type_name()


def test_a_field_with_a_default_is_added_without_another_sample() -> None:
    now = create_model("Now", __base__=OrderClaimed, floor=(str | None, None))
    assert lost(json.loads(body(CLAIMED)), now.model_validate_json(body(CLAIMED)).model_dump(mode="json")) == []


def test_a_field_that_must_be_there_is_not_added_to_a_version() -> None:
    now = create_model("Now", __base__=OrderClaimed, floor=(str, ...))
    with pytest.raises(ValidationError, match="floor"):
        now.model_validate_json(body(CLAIMED))


def test_a_field_is_not_taken_out_of_a_version() -> None:
    now = create_model("Now", __base__=Event, case_id=(UUID, ...), order_id=(UUID, ...))
    gone = lost(json.loads(body(CLAIMED)), now.model_validate_json(body(CLAIMED)).model_dump(mode="json"))
    assert gone == ["member_id", "org_id", "category", "handle_by"]


def test_what_is_lost_is_seen_within_values_too() -> None:
    assert lost({"place": {"name": "大儒林", "floor": "3"}}, {"place": Place(name="大儒林").model_dump()}) == [
        "place.floor"
    ]
    assert lost({"tasks": [{"unit": "1"}, {"unit": "2"}]}, {"tasks": [{"unit": "1"}, {"unit": "3"}]}) == [
        "tasks.1.unit"
    ]
    assert lost({"photos": ["a", "b"]}, {"photos": ["a"]}) == ["photos"]


@pytest.mark.parametrize("name", Particulars.model_fields)
def test_a_particular_may_be_left_out_and_has_a_chinese_name(name: str) -> None:
    """By its fingerprint a report that was sent before the field was there is known again."""
    field = Particulars.model_fields[name]
    assert field.default in (None, ())
    assert field.title
    assert field.description
