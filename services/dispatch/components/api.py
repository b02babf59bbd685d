"""Components (部件) over HTTP: looked at, the nearest found, taken away, previewed and imported."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import partial
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from libs.chassis.db.database import transaction
from libs.chassis.http import CommandsDep, DatabaseDep, LanguageDep, OfStreet, RefusedRequest, not_found
from libs.chassis.pages import (
    COUNTED_AT_MOST,
    CSV_ANSWER,
    GEOJSON_ANSWER,
    UNFIT_CURSOR,
    Page,
    Total,
    as_csv,
    as_geojson,
    counter,
)
from libs.chassis.uploads import OneSheet, file_body, refused_file
from libs.contracts.message import CategoryCode, GridCode, OrgId
from libs.contracts.values import Position
from libs.sentences import Language, Sentence
from libs.sheets.mistakes import Mistaken
from libs.sheets.workbook import OVER_HTTP
from services.dispatch.components import files as component_files
from services.dispatch.components import importing as inventory
from services.dispatch.components import lookup
from services.dispatch.components import tables as component_tables
from services.dispatch.components.domain.commands import ImportComponents
from services.dispatch.components.domain.inventory import Change, State
from services.dispatch.components.files import ComponentFile
from services.dispatch.components.tables import Wanted
from services.dispatch.components.views import (
    CSV_COLUMNS,
    ComponentShown,
    ComponentView,
    csv_line,
    former,
    on_map,
    shown,
)
from services.dispatch.settings import Settings
from services.dispatch.street.domain.street import Street
from services.dispatch.street.lookup import street_or_404

router = APIRouter(tags=["components"])

PATH = "/v1/components"
BODY_BYTES = dict.fromkeys((PATH, f"{PATH}/preview"), OVER_HTTP.bytes)
FILE = file_body("CSV (UTF-8 or GB18030), XLSX or GeoJSON")
HISTORY = 100


class NearestView(BaseModel):
    """The nearest component of a kind; both are null where none is within the distance."""

    component: ComponentView | None
    metres: float | None = Field(description="How far it is.")


class ChangeView(BaseModel):
    """What an import changes. `version` is that of the inventory: before a preview, after an import."""

    version: int
    remarks: list[str] = Field(description="How the file was read: encoding, sheet, columns passed over, merged cells.")
    new: int
    changed: int = Field(description="Those that are otherwise than before, in any column or in their unit.")
    same: int
    retired: int = Field(description="Those that the file leaves out, with `replace=true`.")
    moved: int = Field(description="Of the changed, those that stand in another grid unit than before.")


Kind = Annotated[CategoryCode | None, Query(description="A category; without it, all.")]
InUnit = Annotated[GridCode | None, Query(description="In this grid unit and all below it.")]
OfOrg = Annotated[OrgId | None, Query(description="That this organisation looks after.")]
InState = Annotated[State | None, Query(description="Without it, retired ones too.")]
Replace = Annotated[bool, Query(description="Retire the active ones that are not in the file.")]


@router.get(PATH)
async def list_components(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    kind: Kind = None,
    unit: InUnit = None,
    org_id: OfOrg = None,
    state: InState = None,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[ComponentView]:
    """部件, by code, a page at a time."""
    street = await street_or_404(db, tenant)
    wanted = Wanted(tenant, kind, _units(street, unit), org_id, state, _position(after))
    rows = await component_tables.page(db, wanted, limit + 1)
    total = None
    if after is None:
        many = len(rows) > limit
        counted = await counter(db, component_tables.COUNT, wanted.parameters())() if many else len(rows)
        total = Total(count=min(counted, COUNTED_AT_MOST), more=counted > COUNTED_AT_MOST)
    template = Settings.of(request.app.state).map_link
    items = [ComponentView.model_validate(shown(row, street, template)) for row in rows[:limit]]
    return Page(items=items, next=_cursor(items[-1].code) if len(rows) > limit else None, total=total)


@router.get(f"{PATH}.csv", response_class=StreamingResponse, responses=CSV_ANSWER)
async def components_as_csv(
    request: Request, db: DatabaseDep, tenant: OfStreet, language: LanguageDep
) -> StreamingResponse:
    """All of them, as a file that can be imported again."""
    street = await street_or_404(db, tenant)
    wanted, view = Wanted(tenant).parameters(), partial(csv_line, street=street, language=language)
    engine, name = request.app.state.engine, f"components-{tenant}"
    return as_csv(engine, component_tables.EXPORT, wanted, CSV_COLUMNS, view, name, language)


@router.get(f"{PATH}.geojson", response_class=StreamingResponse, responses=GEOJSON_ANSWER)
async def components_as_geojson(request: Request, db: DatabaseDep, tenant: OfStreet) -> StreamingResponse:
    """All of them, as a map that can be imported again."""
    street = await street_or_404(db, tenant)
    wanted, view = Wanted(tenant).parameters(), partial(on_map, street=street)
    return as_geojson(request.app.state.engine, component_tables.EXPORT, wanted, view, f"components-{tenant}")


@router.get(f"{PATH}/nearest")
async def nearest_component(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    kind: CategoryCode,
    longitude: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
    latitude: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
    within_metres: Annotated[float, Query(gt=0, le=5000, description="None that is further away.")] = 200,
) -> NearestView:
    """The nearest active component of a kind to a point (WGS84), with the distance."""
    street = await street_or_404(db, tenant)
    point = Position(longitude=longitude, latitude=latitude)
    near = await lookup.nearest(db, tenant, kind, point, within_metres)
    row = await component_tables.one(db, tenant, near.code) if near is not None else None
    if near is None or row is None:
        return NearestView(component=None, metres=None)
    component = ComponentView.model_validate(shown(row, street, Settings.of(request.app.state).map_link))
    return NearestView(component=component, metres=near.metres)


@router.post(f"{PATH}/preview", openapi_extra=FILE)
async def preview_import(
    request: Request, tenant: OfStreet, language: LanguageDep, sheet: OneSheet = None, replace: Replace = False
) -> ChangeView:
    """What an import of the file would change. Nothing is changed."""
    read = await _read(request, tenant, sheet)
    async with transaction(request.app.state.engine) as db:
        change = await inventory.difference(db, tenant, read.file.components, retire_others=replace)
    return _view(change, read.file, language)


@router.put(PATH, openapi_extra=FILE)
async def import_components(
    request: Request,
    commands: CommandsDep,
    tenant: OfStreet,
    language: LanguageDep,
    sheet: OneSheet = None,
    replace: Replace = False,
    onto: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Import only if the inventory still has this version.")
    ] = None,
) -> ChangeView:
    """导入. The file's components are added, or changed by their codes; whole or not at all."""
    read = await _read(request, tenant, sheet)
    wanted = tuple(read.file.components)
    change = await commands.send(ImportComponents(tenant, wanted, read.street_version, replace, onto))
    return _view(change, read.file, language)


# Below the others: a code may be any text, with a slash in it too.
@router.get(f"{PATH}/{{code:path}}")
async def show_component(
    request: Request, db: DatabaseDep, code: Annotated[str, Path(max_length=64)], tenant: OfStreet
) -> ComponentShown:
    """One component, and what it was before."""
    street = await street_or_404(db, tenant)
    row = await component_tables.one(db, tenant, code) if code.isprintable() else None
    if row is None:
        raise not_found(Sentence(f"{tenant} 没有部件 {code}", f"there is no component {code} in {tenant}"))
    history = [former(each, street) for each in await component_tables.before(db, tenant, code, HISTORY)]
    fields = shown(row, street, Settings.of(request.app.state).map_link)
    return ComponentShown.model_validate({**fields, "history": history})


class _Read(NamedTuple):
    file: ComponentFile
    street_version: int


async def _read(request: Request, tenant: str, sheet: str | None) -> _Read:
    content = await request.body()
    async with transaction(request.app.state.engine) as db:
        # The version first: a street that changes between the two is refused, and not taken for the one before.
        known = await component_tables.version_of(db, tenant)
        street = await street_or_404(db, tenant)
    try:
        # In a thread: a workbook of some thousand lines takes seconds, in which nobody else would be answered.
        file = await asyncio.to_thread(component_files.read, content, street, sheet)
    except Mistaken as error:
        raise RefusedRequest(refused_file(error)) from None
    return _Read(file, known.street if known is not None else 0)


def _view(change: Change, file: ComponentFile, language: Language) -> ChangeView:
    return ChangeView(
        version=change.version,
        remarks=[each.told(language) for each in file.remarks],
        new=len(change.new),
        changed=len(change.changed),
        same=change.same,
        retired=len(change.retired),
        moved=change.moved,
    )


def _units(street: Street, unit: str | None) -> Sequence[str] | None:
    """The codes of the unit and of all below it; none for a unit that the street does not have."""
    return None if unit is None else [code for code in street.units if street.is_below(code, unit)]


def _cursor(code: str) -> str:
    return urlsafe_b64encode(code.encode()).decode().rstrip("=")


def _position(after: str | None) -> str:
    if after is None:
        return ""
    try:
        code = urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
    except ValueError:
        raise RefusedRequest(UNFIT_CURSOR) from None
    if not code.isprintable():
        raise RefusedRequest(UNFIT_CURSOR)
    return code
