"""A figure over the size of what is stored, as a plain SVG: deterministic, and readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from tests.bench.measure import amount

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 88, 32, 92, 64
TICKS = 5

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.page { fill: #ffffff; }
.grid { stroke: #d0d7de; }
.here { stroke: #0969da; fill: #0969da; }
.limit { stroke: #6e7781; fill: #6e7781; }
.goal { stroke: #1a7f37; fill: #1a7f37; }
.line { fill: none; stroke-width: 2; }
.spread { stroke-width: 1.5; }
.limit.line { stroke-dasharray: 6 4; }
.goal.line { stroke-dasharray: 2 4; }
text.here, text.limit, text.goal { stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #0d1117; }
  .grid { stroke: #30363d; }
  .here { stroke: #58a6ff; fill: #58a6ff; }
  .limit { stroke: #9198a1; fill: #9198a1; }
  .goal { stroke: #3fb950; fill: #3fb950; }
}
""".strip()


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured with so many cases stored: the repetitions, and those of the limit where there is one."""

    cases: int
    values: Sequence[float]
    limit: Sequence[float] = ()


Scale = Callable[[float], float]
"""Where on the picture a value is."""


def draw(title: str, unit: str, points: Sequence[Point], goal: float | None = None) -> str:
    """The SVG. `points` are in order of size; the x axis is logarithmic, the y axis begins at zero."""
    everything = [v for point in points for v in (*point.values, *point.limit)] + ([goal] if goal is not None else [])
    ceiling = _ceiling(max(everything))
    low, high = math.log(points[0].cases), math.log(points[-1].cases)

    def x(cases: float) -> float:
        inner = WIDTH - LEFT - RIGHT
        # Room on both sides for what is written at the first and at the last point.
        return LEFT + inner * (0.08 + 0.84 * ((math.log(cases) - low) / (high - low) if high > low else 0.5))

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / ceiling

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
        *_axes(unit, points, ceiling, x, y),
    ]
    limits = [(x(p.cases), y(median(p.limit))) for p in points if p.limit]
    if goal is not None:
        parts.append(_line("goal", [(LEFT, y(goal)), (WIDTH - RIGHT, y(goal))]))
    if limits:
        parts += [_line("limit", limits), *(_square(*place) for place in limits)]
    parts.append(_line("here", [(x(p.cases), y(median(p.values))) for p in points]))
    for point in points:
        parts += _measured(x(point.cases), point, y)
    parts += [*_legend(bool(limits), goal, unit), "</svg>"]
    return "\n".join(parts) + "\n"


def _ceiling(largest: float) -> float:
    """At least the largest value, and so that ticks are round numbers."""
    if largest <= 0:
        return 1.0
    step = largest * 1.08 / TICKS
    power = 10.0 ** math.floor(math.log10(step))
    return next(m for m in (1, 2, 2.5, 5, 10) if m * power >= step) * power * TICKS


def _axes(unit: str, points: Sequence[Point], ceiling: float, x: Scale, y: Scale) -> Iterable[str]:
    for tick in range(TICKS + 1):
        value = ceiling * tick / TICKS
        at = _n(y(value))
        yield f'<line class="grid" x1="{LEFT}" y1="{at}" x2="{WIDTH - RIGHT}" y2="{at}"/>'
        yield f'<text x="{LEFT - 10}" y="{_n(y(value) + 4)}" text-anchor="end">{amount(value)}</text>'
    for point in points:
        at, below = _n(x(point.cases)), HEIGHT - BOTTOM
        yield f'<line class="grid" x1="{at}" y1="{below}" x2="{at}" y2="{below + 6}"/>'
        yield f'<text x="{at}" y="{below + 24}" text-anchor="middle">{point.cases:,}</text>'
    yield f'<text x="8" y="{TOP - 14}">{escape(unit)}</text>'
    middle = _n(LEFT + (WIDTH - LEFT - RIGHT) / 2)
    yield f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">cases stored (logarithmic)</text>'


def _measured(at: float, point: Point, y: Scale) -> Iterable[str]:
    """The median as a dot with its value, least and most as a bar."""
    top, bottom, middle = y(max(point.values)), y(min(point.values)), y(median(point.values))
    yield f'<line class="here spread" x1="{_n(at)}" y1="{_n(top)}" x2="{_n(at)}" y2="{_n(bottom)}"/>'
    for end in (top, bottom):
        yield f'<line class="here spread" x1="{_n(at - 6)}" y1="{_n(end)}" x2="{_n(at + 6)}" y2="{_n(end)}"/>'
    yield f'<circle class="here" cx="{_n(at)}" cy="{_n(middle)}" r="4"/>'
    yield f'<text class="here" x="{_n(at + 10)}" y="{_n(middle - 8)}">{amount(median(point.values))}</text>'


def _legend(limit: bool, goal: float | None, unit: str) -> Iterable[str]:
    entries = [("here", "median, least and most")]
    entries += [("limit", "limit: bare libraries")] if limit else []
    entries += [("goal", f"goal: {amount(goal)} {unit}")] if goal is not None else []
    at = LEFT
    for kind, words in entries:
        yield f'<line class="{kind} line" x1="{at}" y1="50" x2="{at + 24}" y2="50"/>'
        yield f'<text x="{at + 30}" y="54">{escape(words)}</text>'
        at += 30 + 7 * len(words) + 24


def _line(kind: str, places: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind} line" points="{" ".join(f"{_n(a)},{_n(b)}" for a, b in places)}"/>'


def _square(x: float, y: float) -> str:
    return f'<rect class="limit" x="{_n(x - 3)}" y="{_n(y - 3)}" width="6" height="6"/>'


def _n(value: float) -> str:
    """One digit behind the point, so that the same figures give the same file everywhere."""
    return f"{value:.1f}".removesuffix(".0")
