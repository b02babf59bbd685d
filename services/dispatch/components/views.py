"""A component as it is shown: over HTTP, in a CSV file, on a map."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from libs.chassis.db.database import Record
from libs.chassis.pages import feature
from libs.contracts.values import Position
from libs.map_links import map_link
from libs.sentences import Language
from services.dispatch.components.domain.inventory import State
from services.dispatch.components.forms import FORM, STATES
from services.dispatch.street.domain.street import Street


class ComponentView(BaseModel):
    """With names beside codes and ids, and a link that opens a map at the point."""

    code: str = Field(examples=["LH-LD-000123"])
    kind: str = Field(examples=["01103"])
    kind_name: str | None = Field(description="By the responsibility list; null for a kind that is not on it.")
    name: str | None
    point: Position
    unit: str = Field(description="The grid unit that it stands in.")
    unit_name: str
    org_id: str | None = Field(description="Who looks after it.")
    org_name: str | None = Field(description="The id of an organisation that the street has no more.")
    state: State
    version: int = Field(description="Of the inventory, with which it came to be as it is.")
    map_link: str


class FormerView(BaseModel):
    """What a component was until an import, or a new map of the street, replaced it."""

    kind: str
    name: str | None
    point: Position
    unit: str
    unit_name: str
    org_id: str | None
    state: State
    version: int
    replaced_version: int
    replaced_at: datetime


class ComponentShown(ComponentView):
    history: list[FormerView] = Field(description="What it was before, the latest first, 100 at most.")


def shown(row: Record, street: Street, template: str) -> dict[str, Any]:
    """The fields of a view."""
    return _plain(row, street) | {
        "point": {"longitude": row.longitude, "latitude": row.latitude},
        "map_link": map_link(template, row.longitude, row.latitude),
    }


def former(row: Record, street: Street) -> FormerView:
    point = Position(longitude=row.longitude, latitude=row.latitude)
    return FormerView.model_validate({**row, "point": point, "unit_name": street.units[row.unit].name})


def _plain(row: Record, street: Street) -> dict[str, Any]:
    listed = street.responsibilities.get(row.kind)
    return {
        "code": row.code,
        "kind": row.kind,
        "kind_name": listed[0].name_zh if listed else None,
        "name": row.name,
        "unit": row.unit,
        "unit_name": street.units[row.unit].name,
        "org_id": row.org_id,
        "org_name": row.org_id and street.org_names.get(row.org_id, row.org_id),
        "state": row.state,
        "version": row.version,
    }


CSV_COLUMNS = {name: column.zh for name, column in FORM.columns.items()} | {
    "kind_name": "类别名称",
    "unit": "网格代码",
    "unit_name": "网格",
    "org_name": "组织名称",
}
"""Chinese titles by name; either can be imported again."""


def csv_line(row: Record, street: Street, language: Language) -> list[Any]:
    plain = _plain(row, street)
    if language is Language.ZH:
        plain["state"] = STATES[row.state]
    return [plain[name] if name in plain else row[name] for name in CSV_COLUMNS]


def on_map(row: Record, street: Street) -> str:
    """A GeoJSON feature, which can be imported again."""
    plain = _plain(row, street)
    return feature((row.longitude, row.latitude), {name: plain[name] for name in CSV_COLUMNS if name in plain})
