"""A report as a value."""

from __future__ import annotations

from libs.contracts.incident import ReportCase
from libs.contracts.values import Place, Point
from tests.support.stage import NOON

REPORT = ReportCase(
    tenant="370784004",
    occurred_at=NOON,
    sender="web",
    key="k-1",
    category="11001",
    text="路灯不亮",
    place=Place(point=Point(longitude=119.2, latitude=36.4)),
)
