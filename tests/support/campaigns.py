"""The plan of a campaign as a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from libs.contracts.values import Level
from services.dispatch.campaigns.domain.campaign import AnswerKind, Item, Plan
from tests.support.small_street import ROOT

PLAN = Plan(
    name_zh="冬季消防巡查",
    name_en="Winter fire patrol",
    areas=(ROOT,),
    level=Level.MICRO_GRID,
    recurrence="FREQ=DAILY;BYHOUR=9;BYMINUTE=0",
    begins_at=datetime(2026, 1, 1, tzinfo=UTC),
    ends_at=None,
    exceptions=(),
    window=timedelta(hours=10),
    kinds=(),
    checklist=(Item("灭火器在位", AnswerKind.YES_NO, photo=True), Item("备注", AnswerKind.TEXT, required=False)),
    category="11001",
)
