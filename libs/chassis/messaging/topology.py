"""What streams and consumers must be like in JetStream, and how one that is missing or different is mended.

Services mend what they need themselves, and only add to it: what an operator has set stays as it is, and nothing that
holds messages is deleted or shrunk. `wangge topology apply` also sets replicas, and takes away subjects that no
contract has any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import nats
from nats.aio.client import Client

from libs.chassis.messaging import jetstream_api as api
from libs.chassis.messaging.jetstream_api import Json, NotThere
from libs.contracts import services, streams
from libs.contracts.message import Message

SECOND = 1_000_000_000
"""JetStream counts in nanoseconds."""
DAY = 24 * 3600 * SECOND
ACK_WAIT_SECONDS = 10
"""What is lost between broker and service is delivered again after that. A batch is handled in a fraction of it; one
that takes longer is delivered a second time, and dropped as a copy."""
PENDING_PER_REPLICA = 400
INBOX_DAYS = 11
"""How long a service knows which messages it has handled. A fact is published again from the outbox up to three days
later, and the stream then keeps it for seven: it may be delivered again all that time."""


def stream_config(service: str, replicas: int) -> Json:
    return {
        "name": streams.stream_name(service),
        "subjects": streams.stream_subjects(service),
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": streams.MAX_AGE_DAYS * DAY,
        "duplicate_window": streams.DUPLICATE_WINDOW_SECONDS * SECOND,
        "num_replicas": replicas,
        "allow_direct": True,
        "allow_atomic": True,
    }


def consumer_config(service: str, subjects: Sequence[str], replicas: int) -> Json:
    """A new consumer begins with the first message that the stream has: the inbox drops what was handled before."""
    return {
        "name": service,
        "durable_name": service,
        "filter_subjects": sorted(subjects),
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_SECONDS * SECOND,
        "max_deliver": -1,
        "max_ack_pending": PENDING_PER_REPLICA * replicas,
        "max_waiting": 512,
    }


def mended_stream(present: Json, wanted: Json) -> Json:
    """The stream as it is, with what the contracts need and it lacks."""
    return {
        **present,
        "subjects": sorted({*present.get("subjects", ()), *wanted["subjects"]}),
        "discard": wanted["discard"],
        "max_age": _longer(present.get("max_age", 0), wanted["max_age"]),
        "duplicate_window": max(present.get("duplicate_window", 0), wanted["duplicate_window"]),
        "allow_direct": True,
        "allow_atomic": True,
    }


def _longer(one: int, other: int) -> int:
    """Of two ages, where 0 is for ever."""
    return max(one, other) if one and other else 0


def mended_consumer(present: Json, wanted: Json) -> Json | None:
    """The consumer as it is, with what the service needs and it lacks. None: it cannot be changed to that."""
    if present.get("ack_policy") != wanted["ack_policy"] or present.get("deliver_subject"):
        return None
    subjects = {*present.get("filter_subjects", ()), present.get("filter_subject"), *wanted["filter_subjects"]}
    kept = {name: value for name, value in present.items() if name not in ("filter_subject", "backoff")}
    return {
        **kept,
        "filter_subjects": sorted(subjects - {None}),
        "ack_wait": wanted["ack_wait"],
        "max_deliver": wanted["max_deliver"],
        "max_waiting": max(present.get("max_waiting", 0), wanted["max_waiting"]),
    }


def from_where(stream: Json, now: datetime) -> Json:
    """Where a new consumer of the stream begins: at the start, or as far back as the inbox remembers."""
    remembered = (INBOX_DAYS - 1) * DAY
    if 0 < stream.get("max_age", 0) <= remembered:
        return {"deliver_policy": "all"}
    begins_at = now - timedelta(days=INBOX_DAYS - 1)
    return {"deliver_policy": "by_start_time", "opt_start_time": begins_at.isoformat().replace("+00:00", "Z")}


def consumers(handled: Mapping[str, Sequence[type[Message]]]) -> list[tuple[str, str, list[str]]]:
    """(stream, consumer, subjects) for each service and each stream that it reads from."""
    found: dict[tuple[str, str], list[str]] = {}
    for service, events in handled.items():
        for event in events:
            found.setdefault((streams.stream_name(event.service), service), []).append(event.subject_pattern())
    return [(stream, service, subjects) for (stream, service), subjects in found.items()]


async def apply(
    nats_url: str,
    handled: Mapping[str, Sequence[type[Message]]],
    *,
    stream_replicas: int = 1,
    service_replicas: int = 3,
) -> list[str]:
    """Bring JetStream to what the contracts and the services' handlers say; the names of what was made or changed."""
    client = await nats.connect(nats_url.split(","), max_reconnect_attempts=2, error_cb=_raised_at_the_end)
    try:
        done = [await mend_stream(client, stream_config(s, stream_replicas), exactly=True) for s in services.SERVICES]
        for stream, service, subjects in consumers(handled):
            wanted = consumer_config(service, subjects, service_replicas)
            done.append(await mend_consumer(client, stream, wanted, exactly=True))
        return [each for each in done if each]
    finally:
        await client.close()


async def _raised_at_the_end(_: Exception) -> None:
    """nats-py would print a traceback for every try."""


async def mend_stream(client: Client, wanted: Json, *, exactly: bool = False) -> str | None:
    """Make or mend a stream; its name when there was something to do. Raises ApiError.

    `exactly` also sets the replicas and takes away subjects, which no service does by itself.
    """
    name = wanted["name"]
    try:
        present = (await api.stream_info(client, name))["config"]
    except NotThere:
        await api.ask(client, f"STREAM.CREATE.{name}", wanted)
        return f"stream {name}"
    mended = mended_stream(present, wanted)
    if exactly:
        mended |= {"subjects": wanted["subjects"], "num_replicas": wanted["num_replicas"]}
    if _same(present, mended):
        return None
    await api.ask(client, f"STREAM.UPDATE.{name}", mended)
    return f"stream {name}"


async def mend_consumer(client: Client, stream: str, wanted: Json, *, exactly: bool = False) -> str | None:
    """Make or mend a consumer; its name when there was something to do. Raises NotThere without the stream.

    `exactly` also sets how much it hands out, and takes away subjects. A consumer that cannot be changed to what the
    service needs is made anew: it holds no message.
    """
    name = wanted["durable_name"]
    try:
        present = (await api.consumer_info(client, stream, name))["config"]
    except NotThere:
        await _make_consumer(client, stream, wanted)
        return f"consumer {stream} → {name}"
    mended = mended_consumer(present, wanted)
    if mended is None:
        await api.ask(client, f"CONSUMER.DELETE.{stream}.{name}")
        await _make_consumer(client, stream, wanted)
        return f"consumer {stream} → {name}"
    if exactly:
        mended |= {field: wanted[field] for field in ("filter_subjects", "max_ack_pending")}
    if _same(present, mended):
        return None
    await _write_consumer(client, stream, mended)
    return f"consumer {stream} → {name}"


async def _make_consumer(client: Client, stream: str, wanted: Json) -> None:
    config = (await api.stream_info(client, stream))["config"]
    await _write_consumer(client, stream, {**wanted, **from_where(config, datetime.now(UTC))})


async def _write_consumer(client: Client, stream: str, config: Json) -> None:
    request = f"CONSUMER.DURABLE.CREATE.{stream}.{config['durable_name']}"
    await api.ask(client, request, {"stream_name": stream, "config": config})


def _same(present: Json, mended: Json) -> bool:
    return all(present.get(name) == value for name, value in mended.items())
