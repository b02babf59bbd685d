"""Golden JSON pins every version of every message: what is on the bus today can be read for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from libs.contracts import cloudevents
from libs.contracts.message import all_messages, known

GOLDEN = {path.stem: path for path in sorted((Path(__file__).parent / "golden").glob("*.json"))}


def test_every_message_has_a_golden_sample_and_no_sample_is_left_over() -> None:
    assert set(GOLDEN) == {cls.type_name() for cls in all_messages()}


@pytest.mark.parametrize("type_name", GOLDEN)
def test_a_golden_sample_is_read_and_written_without_a_change(type_name: str) -> None:
    body = GOLDEN[type_name].read_bytes()
    cls = known(type_name)
    assert cls is not None
    envelope = cloudevents.encode(cls.model_validate_json(body))
    assert json.loads(envelope.body) == json.loads(body)
    read = cloudevents.decode(envelope.subject, envelope.headers, envelope.body)
    assert read == cls.model_validate_json(body)


@pytest.mark.parametrize("type_name", GOLDEN)
def test_a_golden_sample_fills_every_field(type_name: str) -> None:
    cls = known(type_name)
    assert cls is not None
    sample = json.loads(GOLDEN[type_name].read_bytes())
    assert [name for name in cls.model_fields if sample.get(name) is None] == []


@pytest.mark.parametrize("type_name", GOLDEN)
def test_a_field_of_a_newer_producer_is_ignored(type_name: str) -> None:
    sample = json.loads(GOLDEN[type_name].read_bytes())
    cls = known(type_name)
    assert cls is not None
    newer = json.dumps({**sample, "field_of_the_future": {"deep": [1]}}).encode()
    envelope = cloudevents.encode(cls.model_validate(sample))
    assert cloudevents.decode(envelope.subject, envelope.headers, newer) == cls.model_validate(sample)
