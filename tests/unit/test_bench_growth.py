"""What a growth run keeps and shows: figures by the number of cases stored, a picture for each."""

from __future__ import annotations

from tests.bench.compare import changes
from tests.bench.growth import kept, markdown, pictures
from tests.bench.measure import Figure


def run(slowdown: float) -> dict[str, object]:
    found = []
    for number, cases in enumerate((62_500, 250_000)):
        hop = Figure("consumer hop", "events/s", 1_000, goal=6_000, scenario="hop")
        sweep = Figure("idle sweep", "ms", 1_000, less_is_better=True, scenario="timers")
        for repetition in range(3):
            hop.add((2_000 + repetition) * slowdown**number)
            hop.limit.append(4_000)
            sweep.add(1.5)
        found += [(cases, hop), (cases, sweep)]
    return kept(found, repetitions=3)


def test_the_table_has_a_row_for_each_figure_and_a_column_for_each_size() -> None:
    assert markdown(run(0.5)).splitlines() == [
        "| figure | 62,500 cases | 250,000 cases | last to first |",
        "|---|---|---|---|",
        "| [consumer hop](hop-consumer-hop.svg) | 2,001 events/s | 1,000 events/s | 0.50 |",
        "| [idle sweep](timers-idle-sweep.svg) | 1.50 ms | 1.50 ms | 1.00 |",
    ]


def test_there_is_a_picture_of_each_figure() -> None:
    made = pictures(run(0.5))
    assert list(made) == ["hop-consumer-hop.svg", "timers-idle-sweep.svg"]
    assert "250,000" in made["hop-consumer-hop.svg"]


def test_two_growth_runs_are_compared_size_by_size() -> None:
    found = {change.name: change.verdict for change in changes(run(1.0), run(0.5))}
    assert found["consumer hop, size 1,000, 250,000 cases stored"] == "worse"
    assert found["consumer hop, size 1,000, 62,500 cases stored"] == "no difference beyond noise"
