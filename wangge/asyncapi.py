"""The contracts as documents: an AsyncAPI 3.0 description of the bus, and a JSON Schema for every message.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from libs.contracts.cloudevents import CONTENT_TYPE, TRACEPARENT
from libs.contracts.incident import Receipt, ReportCase
from libs.contracts.message import Command, Message, all_messages
from libs.contracts.problem import Problem
from libs.contracts.services import SERVICES

Json = dict[str, Any]
Consumers = Mapping[str, Sequence[type[Message]]]
"""The facts that each service consumes."""

REPLIES: Mapping[type[Command], tuple[type[BaseModel], ...]] = {ReportCase: (Receipt, Problem)}
ALWAYS_THERE = ("id", "correlation_id")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, Json]:
    """A JSON Schema for every message, by type name."""
    return {
        cls.type_name(): {"$schema": DIALECT, "$id": f"urn:{cls.type_name().replace('.', ':')}", **_stamped(cls, body)}
        for cls in all_messages()
        for body in [cls.model_json_schema()]
    }


def document(consumers: Consumers) -> Json:
    """The AsyncAPI document: a channel for every subject, and what each service sends and receives there."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wangge",
            "version": "1",
            "description": "Facts and commands of the four services. A message is a CloudEvent 1.0 in binary mode: "
            "attributes in NATS headers, the message as JSON body. A tenant is a street.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "WANGGE_NATS_URL"}},
        "channels": _channels(),
        "operations": _operations(consumers),
        "components": {"messages": _messages(), "schemas": _components()},
    }


def _stamped(cls: type[Message], body: Json) -> Json:
    """The default id stands for a fact that is not recorded yet; on the bus a fact always has one."""
    if issubclass(cls, Command):
        return body
    fields = {k: _without_default(v) if k in ALWAYS_THERE else v for k, v in body["properties"].items()}
    return {**body, "properties": fields, "required": [*ALWAYS_THERE, *body.get("required", ())]}


def _without_default(field: Json) -> Json:
    return {k: v for k, v in field.items() if k != "default"}


def _channel_name(cls: type[Message]) -> str:
    return cls.type_name().removeprefix("wangge.")


def _channels() -> Json:
    channels: Json = {}
    for cls in all_messages():
        channels[_channel_name(cls)] = {
            "address": cls.subject_pattern().replace("*", "{tenant}"),
            "messages": {cls.__name__: _ref("components", "messages", cls.__name__)},
            "parameters": {"tenant": {"description": "The street, by its 9-digit statistical division code."}},
        }
    for command, replies in REPLIES.items():
        channels[f"{_channel_name(command)}.reply"] = {
            "address": None,
            "description": "The inbox that the sender names, as NATS request/reply has it.",
            "messages": {each.__name__: _ref("components", "messages", each.__name__) for each in replies},
        }
    return channels


def _operations(consumers: Consumers) -> Json:
    operations: Json = {}
    for cls in all_messages():
        if issubclass(cls, Command):
            operations[f"{cls.service}.receive.{_channel_name(cls)}"] = _operation("receive", cls.service, cls)
            continue
        operations[f"{cls.service}.send.{_channel_name(cls)}"] = _operation("send", cls.service, cls)
        for service in SERVICES:
            if cls in consumers.get(service, ()):
                operations[f"{service}.receive.{_channel_name(cls)}"] = _operation("receive", service, cls)
    return operations


def _operation(action: str, service: str, cls: type[Message]) -> Json:
    channel = _channel_name(cls)
    operation: Json = {
        "action": action,
        "channel": _ref("channels", channel),
        "tags": [{"name": service}],
        "messages": [_ref("channels", channel, "messages", cls.__name__)],
    }
    if issubclass(cls, Command) and cls in REPLIES:
        reply = f"{channel}.reply"
        operation["reply"] = {
            "channel": _ref("channels", reply),
            "messages": [_ref("channels", reply, "messages", each.__name__) for each in REPLIES[cls]],
        }
    return operation


def _messages() -> Json:
    messages: Json = {}
    for cls in all_messages():
        messages[cls.__name__] = {
            "name": cls.type_name(),
            "summary": summary(cls),
            "contentType": CONTENT_TYPE,
            "headers": _ref("components", "schemas", "CommandHeaders" if issubclass(cls, Command) else "FactHeaders"),
            "payload": _ref("components", "schemas", cls.__name__),
        }
    for each in (reply for replies in REPLIES.values() for reply in replies):
        messages[each.__name__] = {
            "name": each.__name__,
            "summary": summary(each),
            "contentType": CONTENT_TYPE,
            "payload": _ref("components", "schemas", each.__name__),
        }
    return messages


def summary(cls: type[BaseModel]) -> str:
    """The docstring as one line."""
    return " ".join((cls.__doc__ or "").split())


def _components() -> Json:
    models = [*all_messages(), *(reply for replies in REPLIES.values() for reply in replies)]
    _, together = models_json_schema(
        [(cls, "validation") for cls in models], ref_template="#/components/schemas/{model}"
    )
    found: Json = together["$defs"]
    for cls in all_messages():
        found[cls.__name__] = _stamped(cls, found[cls.__name__])
    return {**dict(sorted(found.items())), "CommandHeaders": _command_headers(), "FactHeaders": _fact_headers()}


def _fact_headers() -> Json:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md"""
    attributes: Json = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {"type": "string", "format": "uuid", "description": "The message's id: copies have the same."},
        "ce-type": {"type": "string", "description": "The message's name with its version."},
        "ce-source": {"type": "string", "format": "uri-reference", "description": "/service/tenant"},
        "ce-subject": {
            "type": "string",
            "description": "What it is about: messages with the same one keep their order.",
        },
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-correlationid": {
            "type": "string",
            "format": "uuid",
            "description": "Shared by all that one report set off.",
        },
        "content-type": {"const": CONTENT_TYPE},
    }
    return {"type": "object", "properties": {**attributes, **_trace()}, "required": list(attributes)}


def _command_headers() -> Json:
    return {"type": "object", "properties": _trace()}


def _trace() -> Json:
    return {TRACEPARENT: {"type": "string", "description": "W3C Trace Context"}}


def _ref(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(path)}
