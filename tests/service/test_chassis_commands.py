"""What the chassis promises about requests: answered after the commit, together with others, and refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.telemetry import metrics
from libs.contracts import cloudevents
from libs.contracts.scoring import PointsPosted
from tests.support.probe import BOOM, heard, probe, registered
from tests.support.stage import Stage, until


@pytest.fixture
async def stage(servers: Servers) -> AsyncIterator[Stage]:
    async with probe(servers) as running:
        yield running


async def test_requests_that_arrive_together_are_committed_together(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.http.post(f"/notes/{n}") for n in range(60)))
    assert {a.status_code for a in answers} == {200}
    assert max(a.json() for a in answers) > 1
    assert sorted(await heard(stage, "note")) == sorted(f"{n}" for n in range(60))
    await stage.settled()
    assert len(await stage.said(PointsPosted)) == 60


async def test_one_request_that_cannot_be_stored_does_not_hurt_the_others(stage: Stage) -> None:
    words = [f"{n}" for n in range(20)]
    answers = await asyncio.gather(*(stage.http.post(f"/notes/{w}") for w in [*words[:10], BOOM, *words[10:]]))
    assert [a.status_code for a in answers] == [200] * 10 + [500] + [200] * 10
    assert answers[10].headers["content-type"] == "application/problem+json"
    assert BOOM not in answers[10].text
    assert sorted(await heard(stage, "note")) == sorted(words)


async def test_while_the_database_is_away_nothing_is_answered_with_success(servers: Servers, stage: Stage) -> None:
    servers.postgres.kill()
    answer = await stage.http.post("/notes/lost")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert (await stage.http.get("/ready")).status_code == 503
    servers.postgres.start()

    async def kept() -> bool:
        return (await stage.http.post("/notes/kept")).status_code == 200

    await until(kept)
    assert await heard(stage, "note") == ["kept"]


async def test_what_is_not_there_and_what_is_too_large_is_said_as_a_problem(stage: Stage) -> None:
    missing = await stage.http.get("/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    large = await stage.http.post("/notes/x", content=b"x" * 300_000)
    assert large.status_code == 413
    assert "256 KiB" in large.json()["detail"]
    chunks = (b"x" * 50_000 for _ in range(6))

    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    assert (await stage.http.post("/notes/x", content=body())).status_code in (200, 413)


async def test_a_service_is_ready_until_it_is_told_to_stop(stage: Stage) -> None:
    ready = await stage.http.get("/ready")
    assert ready.status_code == 200, ready.text
    assert (await stage.http.get("/live")).status_code == 200
    stage.service.draining = True
    assert (await stage.http.get("/ready")).json()["accepting"] is False
    assert "wangge_messages_total" in (await stage.http.get("/metrics")).text


async def test_one_trace_runs_from_a_request_or_a_fact_to_what_follows(servers: Servers) -> None:
    exporter = InMemorySpanExporter()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = f"00-{trace_id}-00f067aa0ba902b7-01"
    async with probe(servers, exporter) as stage:
        await stage.http.post("/notes/traced", headers={"traceparent": parent})
        await stage.settled()
        js = (await stage.service.broker.connect()).jetstream()
        message = await js.get_last_msg("SCORING", "wangge.370784004.scoring.points_posted.v1")
    assert message.headers is not None
    assert message.headers["traceparent"].split("-")[1] == trace_id
    spans = exporter.get_finished_spans()
    assert f"{spans[0].context.trace_id:032x}" == trace_id if spans[0].context else False


async def test_a_batch_has_a_span_that_links_the_traces_of_its_messages(servers: Servers) -> None:
    exporter = InMemorySpanExporter()
    async with probe(servers, exporter) as stage:
        case = registered()
        parent = f"00-{case.id.hex}-00f067aa0ba902b7-01"
        envelope = cloudevents.encode(case, parent)
        js = (await stage.service.broker.connect()).jetstream()
        await js.publish(envelope.subject, envelope.body, headers=envelope.headers)
        await stage.settled()
    by_name = {span.name: span for span in exporter.get_finished_spans()}
    batch = by_name["scoring batch"]
    one = by_name["scoring wangge.incident.registered.v1"]
    assert one.context is not None
    assert f"{one.context.trace_id:032x}" == case.id.hex
    assert [link.context.trace_id for link in batch.links] == [one.context.trace_id]


async def test_metrics_are_the_same_over_otlp_and_for_prometheus(stage: Stage) -> None:
    await stage.hear(registered())
    reader = InMemoryMetricReader()
    provider = metrics.export("scoring", "http://nowhere.example", reader=reader)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    found = {m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert {"wangge_messages_total", "wangge_batch_seconds_sum", "wangge_batch_seconds_count"} <= found
