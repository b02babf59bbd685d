"""What can be reported in a street, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from libs.chassis.http import DatabaseDep, OfStreet
from libs.contracts.values import Registration
from services.incident.categories import tables
from services.incident.categories.requests import street_or_404

router = APIRouter(tags=["reporting"])


class CategoryView(BaseModel):
    category: str
    name_zh: str
    name_en: str
    area: str
    registration: Registration


@router.get("/v1/categories")
async def categories(tenant: OfStreet, db: DatabaseDep) -> list[CategoryView]:
    """What can be reported in a street (类别)."""
    await street_or_404(db, tenant)
    return [CategoryView(**row) for row in await tables.categories(db, tenant)]
