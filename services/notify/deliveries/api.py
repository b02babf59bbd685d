"""How deliveries go."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from libs.chassis.http import DatabaseDep, OfStreet
from libs.contracts.values import Channel
from services.notify.deliveries import tables as deliveries
from services.notify.recipients.api import street_or_404

router = APIRouter(tags=["notifications"])


class Latency(BaseModel):
    """Seconds from a report until the first notification about its case is queued, and until it is first sent."""

    cases: int
    queued_p50_seconds: float | None
    queued_p99_seconds: float | None
    attempted_p50_seconds: float | None
    attempted_p99_seconds: float | None


@router.get("/v1/deliveries/counts")
async def counts(db: DatabaseDep, tenant: OfStreet) -> dict[Channel, dict[str, int]]:
    """How many deliveries are in each state, by channel."""
    await street_or_404(db, tenant)
    return {Channel(channel): states for channel, states in (await deliveries.counts(db, tenant)).items()}


@router.get("/v1/deliveries/latency")
async def latency(db: DatabaseDep, tenant: OfStreet) -> Latency:
    """How long people wait to hear of a report, over all cases of a street, in the time of the domain."""
    await street_or_404(db, tenant)
    return Latency(**await deliveries.latency(db, tenant))
