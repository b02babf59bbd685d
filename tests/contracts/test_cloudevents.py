"""The envelope agrees with the official CloudEvents SDK, in both directions.

The NATS binding's binary mode is the HTTP binding's: the same header names, the same body.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from libs.contracts import cloudevents
from libs.contracts.cloudevents import NotAMessage
from libs.contracts.message import Message, all_messages

GOLDEN = Path(__file__).parent / "golden"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def golden(cls: type[Message]) -> Message:
    return cls.model_validate_json((GOLDEN / f"{cls.type_name()}.json").read_bytes())


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.type_name())
def test_the_official_sdk_reads_what_is_published(cls: type[Message]) -> None:
    message = golden(cls)
    envelope = cloudevents.encode(message, TRACEPARENT)
    event = from_binary(HTTPMessage(envelope.headers, envelope.body), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert event.get_id() == str(message.id)
    assert event.get_type() == cls.type_name()
    assert event.get_source() == f"/{cls.service}/{message.tenant}"
    assert event.get_subject() == message.aggregate_id
    assert event.get_time() == message.occurred_at
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("correlationid") == str(message.correlation_id)
    assert event.get_data() == json.loads(envelope.body)


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.type_name())
def test_what_the_official_sdk_writes_is_read(cls: type[Message]) -> None:
    message = golden(cls)
    written = to_binary(
        CloudEvent(
            {
                "id": str(message.id),
                "type": cls.type_name(),
                "source": f"/{cls.service}/{message.tenant}",
                "time": datetime(2026, 11, 23, 4, tzinfo=UTC),
                "datacontenttype": "application/json",
            },
            json.loads(message.model_dump_json()),
        ),
        JSONFormat(),
    )
    assert cloudevents.decode(message.subject, written.headers, written.body) == message


def test_a_body_with_another_id_than_its_header_is_no_message() -> None:
    envelope = cloudevents.encode(golden(all_messages()[0]))
    headers = {**envelope.headers, "ce-id": "019aaf3c-8001-7f0f-8a0b-000000000000"}
    with pytest.raises(NotAMessage, match="the body's id is not the ce-id header"):
        cloudevents.decode(envelope.subject, headers, envelope.body)
