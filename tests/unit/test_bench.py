"""What the bench says of its figures, and how it waits for its load."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

import psutil
import pytest

from tests.bench import load
from tests.bench.growth import kept
from tests.bench.measure import Figure, as_json, result, seconds_of
from tests.bench.report import (
    BEGIN,
    BEGIN_GROWTH,
    END,
    END_GROWTH,
    PAGE,
    NoPlaceForResults,
    growth_markdown,
    markdown,
    put,
)


def figures() -> list[Figure]:
    hop = Figure("consumer hop", "events/s", 10, goal=6000, values=[3000.0, 1000.0, 2000.0], limit=[4000.0])
    return [hop, Figure("p99", "ms", 5, goal=30, less_is_better=True, values=[12.5], more={"rate /s": [7.0, 9.0]})]


def test_a_figure_is_the_median_of_its_repetitions_beside_its_limit() -> None:
    hop, p99 = as_json(figures())
    assert (hop["median"], hop["min"], hop["max"], hop["ratio"], hop["met"]) == (2000.0, 1000.0, 3000.0, 0.5, False)
    assert (p99["met"], p99["ratio"], p99["more"]) == (True, None, {"rate /s": 8.0})


@pytest.mark.parametrize(("value", "met"), [(7.9, False), (8.0, True)])
def test_a_goal_may_be_a_share_of_the_limit(value: float, met: bool) -> None:
    queued = Figure("queued", "/s", 10, values=[value], limit=[10.0], times_limit=0.8)
    p99 = Figure("p99", "ms", 10, values=[30.0], limit=[value + 2.0], times_limit=3.0, less_is_better=True)
    assert (queued.met, queued.goal_in_words) == (met, "≥ 0.80 × limit")
    assert (p99.met, p99.goal_in_words) == (met, "≤ 3.00 × limit")


def test_a_process_that_has_just_ended_has_no_cpu() -> None:
    with subprocess.Popen(["sleep", "60"]) as ending:
        process = psutil.Process(ending.pid)
        ending.kill()
    assert seconds_of(process) == 0


def test_the_report_goes_between_its_marks_and_nowhere_else() -> None:
    results = markdown(json.loads(json.dumps(result(figures(), repetitions=3, full=False))))
    assert "| consumer hop | 2,000 events/s | 1,000 – 3,000 | 4,000 | 0.50 | ≥ 6,000 | missed |" in results
    page = put(f"before\n{BEGIN}\nold\n{END}\nafter", results)
    assert page.startswith("before\n")
    assert page.endswith("\nafter")
    assert "old" not in page
    assert put(page, results) == page
    with pytest.raises(NoPlaceForResults):
        put("no marks", results)


def test_a_run_by_size_has_a_row_for_each_figure_and_its_picture() -> None:
    found = [(cases, figure) for cases in (1_000, 4_000) for figure in figures()]
    for _, figure in found:
        figure.scenario = "hop"
    report = growth_markdown(kept(found, 3))
    row = "| [consumer hop](performance/hop-consumer-hop.svg) | 2,000 events/s | 2,000 events/s | 1.00 |"
    assert row in report
    assert report in put(PAGE.read_text(encoding="utf-8"), report, BEGIN_GROWTH, END_GROWTH)


def test_latency_counts_from_the_intended_time_though_all_connections_are_busy() -> None:
    """A server that takes 50 ms, one connection, and a request each 10 ms: the fifth waits for four others."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def run() -> load.Outcome:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await load.run(port, [b"GET / HTTP/1.1\r\n\r\n"] * 5, rate=100, count=1)

    began = time.time()
    outcome = asyncio.run(run())
    assert outcome.statuses == {204: 5}
    assert outcome.latencies[4] >= 5 * 0.05 - 4 * 0.01
    assert [since for since, _ in outcome.answers] == sorted(since for since, _ in outcome.answers)
    assert outcome.answers[0][0] >= began
