"""Pictures of the bench: well formed, holding their figures, the same for the same figures."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.picture import HEIGHT, WIDTH, Point, draw

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [
    Point(62_500, [2_400, 2_540, 2_610], [3_800, 3_900]),
    Point(250_000, [2_380, 2_500, 2_505], [3_790, 3_850]),
    Point(1_000_000, [2_300, 2_420, 2_600], [3_700, 3_810]),
]


def words(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_a_picture_says_its_title_its_sizes_its_medians_and_its_goal() -> None:
    said = words(draw("Consumer hop & relay", "events/s", POINTS, goal=6_000))
    assert {"Consumer hop & relay", "events/s", "62,500", "250,000", "1,000,000", "2,540", "2,500", "2,420"} <= {*said}
    assert "goal: 6,000 events/s" in said


def test_the_bars_span_least_to_most_and_higher_is_above() -> None:
    root = ElementTree.fromstring(draw("hop", "events/s", POINTS))
    bars = [line for line in root.iter(f"{SVG}line") if line.get("class") == "here spread"]
    upright = [bar for bar in bars if bar.get("x1") == bar.get("x2")]
    assert len(upright) == len(POINTS)
    dots = [float(dot.get("cy", 0)) for dot in root.iter(f"{SVG}circle")]
    for bar, dot in zip(upright, dots, strict=True):
        assert float(bar.get("y1", 0)) < dot < float(bar.get("y2", 0))
    assert dots == sorted(dots)


def test_nothing_is_drawn_outside_the_picture() -> None:
    huge = [Point(1, [3.2e9, 4.4e9]), Point(10, [0.001, 0.002], [9.9e9])]
    root = ElementTree.fromstring(draw("extremes", "µs", huge, goal=12e9))
    for element in root.iter():
        for name, limit in (("x", WIDTH), ("x1", WIDTH), ("x2", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)):
            assert 0 <= float(element.get(name, 0)) <= limit


def test_every_word_of_a_picture_lies_inside_it() -> None:
    widest = 7
    for element in ElementTree.fromstring(draw("notify sender", "deliveries/s", POINTS, goal=1_000)).iter(f"{SVG}text"):
        at, width = float(element.get("x", 0)), widest * len(element.text or "")
        begins = {"end": at - width, "middle": at - width / 2}.get(element.get("text-anchor", ""), at)
        assert begins >= 0, element.text
        assert begins + width <= WIDTH, element.text


def test_one_size_alone_and_no_limit_can_be_drawn() -> None:
    assert "limit: bare libraries" not in words(draw("idle", "MiB", [Point(62_500, [438])]))


def test_the_same_figures_give_the_same_file() -> None:
    assert draw("hop", "events/s", POINTS) == draw("hop", "events/s", list(POINTS))
