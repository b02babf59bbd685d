"""Streams and consumers in JetStream: only `wangge topology apply` makes or changes them, and services never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import nats
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from libs.contracts import services, streams
from libs.contracts.message import Message

ACK_WAIT_SECONDS = 30.0
PENDING_PER_REPLICA = 400


def stream_config(service: str, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=streams.stream_name(service),
        subjects=streams.stream_subjects(service),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=streams.MAX_AGE_DAYS * 24 * 3600.0,
        duplicate_window=float(streams.DUPLICATE_WINDOW_SECONDS),
        num_replicas=replicas,
        allow_direct=True,
        allow_atomic=True,
    )


def consumer_config(service: str, subjects: Sequence[str], replicas: int) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=service,
        filter_subjects=sorted(subjects),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=PENDING_PER_REPLICA * replicas,
        max_waiting=512,
    )


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
    connection = await nats.connect(nats_url.split(","), max_reconnect_attempts=5)
    try:
        js = connection.jetstream()
        done = [await _apply_stream(js, stream_config(s, stream_replicas)) for s in services.SERVICES]
        for stream, service, subjects in consumers(handled):
            done.append(await _apply_consumer(js, stream, consumer_config(service, subjects, service_replicas)))
        return [each for each in done if each]
    finally:
        await connection.close()


async def _apply_stream(js: JetStreamContext, wanted: StreamConfig) -> str | None:
    try:
        present = (await js.stream_info(str(wanted.name))).config
    except NotFoundError:
        await js.add_stream(wanted)
        return f"stream {wanted.name}"
    if _differs(present, wanted):
        await js.update_stream(wanted)
        return f"stream {wanted.name}"
    return None


async def _apply_consumer(js: JetStreamContext, stream: str, wanted: ConsumerConfig) -> str | None:
    try:
        present = (await js.consumer_info(stream, str(wanted.durable_name))).config
    except NotFoundError:
        present = None
    if present is not None and not _differs(present, replace(wanted, name=present.name)):
        return None
    # Subscribing never changes the settings of an existing consumer; `add_consumer` does.
    await js.add_consumer(stream, wanted)
    return f"consumer {stream} → {wanted.durable_name}"


def _differs(present: StreamConfig | ConsumerConfig, wanted: StreamConfig | ConsumerConfig) -> bool:
    """Compares only the fields that are set in `wanted`: the server fills in many others."""
    return any(value is not None and getattr(present, name) != value for name, value in vars(wanted).items())
