"""The proof that the ledger adds up."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from libs.chassis.http import DatabaseDep, OfStreet
from services.scoring.ledger import tables as ledger
from services.scoring.roster.requests import street_or_404

router = APIRouter(tags=["points"])


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class DifferenceView(View):
    account: str
    dimension: str
    balance: int
    replayed: int


class LedgerView(View):
    """`adds_up`: both sums are zero, and every balance is what its postings add up to."""

    adds_up: bool
    sum_of_balances: int
    sum_of_postings: int
    transactions: int
    differences: list[DifferenceView]


@router.get("/v1/ledger/check")
async def check_ledger(tenant: OfStreet, db: DatabaseDep) -> LedgerView:
    """Replay every posting of the street and compare the balances with it."""
    await street_or_404(db, tenant)
    return LedgerView.model_validate(await ledger.verify(db, tenant))
