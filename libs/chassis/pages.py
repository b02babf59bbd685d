"""Lists over HTTP: pages behind opaque cursors, totals that are exact up to a limit, and CSV that streams."""

from __future__ import annotations

import csv
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy import TextClause

from libs.chassis.db.database import Database, Engine, Record, transaction
from libs.chassis.handlers import Refused
from libs.chassis.http import RefusedRequest
from libs.sentences import Language, Sentence
from libs.sheets.workbook import FORMULA

T = TypeVar("T")

UNFIT_CURSOR = Refused(
    422,
    "Unfit cursor",
    Sentence(
        "query.after：不是分页标记；请用上一页的 `next`，或不写以取第一页。",
        "query.after: this is no cursor; send `next` of the page before, or leave it out for the first page.",
    ),
)

COUNTED_AT_MOST = 1_000
"""Counting stops here; a larger total is given as "more than" this."""

ROWS_AT_ONCE = 500


class Total(BaseModel):
    """How many there are: `count`, or more than that."""

    count: int = Field(examples=[128])
    more: bool = Field(description=f"There are more than `count`, which is counted up to {COUNTED_AT_MOST}.")


class Page(BaseModel, Generic[T]):
    """A page of a list. Rows that are added meanwhile do not shift rows from one page to another."""

    items: list[T]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last.")
    total: Total | None = Field(description="Only on the first page.")


def encode_cursor(id: UUID) -> str:
    """The id of a page's last row as an opaque cursor."""
    return urlsafe_b64encode(id.bytes).decode().rstrip("=")


def decode_cursor(after: str | None) -> UUID | None:
    """The id of a cursor. Raises RefusedRequest for text that is no cursor."""
    if after is None:
        return None
    try:
        return UUID(bytes=urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        raise RefusedRequest(UNFIT_CURSOR) from None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """The rows of a page, the cursor of the next one, and the total of all pages."""

    rows: Sequence[T]
    next: str | None
    total: Total | None


async def slice_page(rows: Sequence[T], limit: int, id_of: str, count: Callable[[], Awaitable[int]] | None) -> Slice[T]:
    """The first `limit` rows; the query asks for one more, which shows whether there is a next page."""
    shown, more = rows[:limit], len(rows) > limit
    total = None
    if count is not None:
        counted = await count() if more else len(rows)
        total = Total(count=min(counted, COUNTED_AT_MOST), more=counted > COUNTED_AT_MOST)
    return Slice(shown, encode_cursor(getattr(shown[-1], id_of)) if more else None, total)


def escape_formula(value: Any) -> str:
    """The cell as text; one that would be a formula gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in FORMULA else text


def csv_lines(rows: Sequence[Sequence[Any]]) -> str:
    """Lines of RFC 4180."""
    out = StringIO()
    csv.writer(out).writerows([escape_formula(value) for value in row] for row in rows)
    return out.getvalue()


def heads(columns: Mapping[str, str], language: Language) -> list[str]:
    """Of a file: for Chinese readers the titles, for others the names, by which programs read it."""
    return list(columns.values() if language is Language.ZH else columns)


def word(words: Mapping[Any, str], code: str, language: Language) -> str:
    """A code as whoever reads the file says it."""
    return words[code] if language is Language.ZH else code.replace("_", " ")


def csv_headers(name: str, language: Language) -> dict[str, str]:
    attached = f'attachment; filename="{name}.csv"'
    return {"content-disposition": attached, "content-language": str(language), "vary": "accept-language"}


def as_csv(
    engine: Engine,
    statement: TextClause,
    parameters: dict[str, Any],
    columns: Mapping[str, str],
    view: Callable[[Record], Sequence[Any]],
    name: str,
    language: Language,
) -> StreamingResponse:
    """Streams every row of a statement from one snapshot, a few hundred at a time.

    `columns`: Chinese titles by name.
    """

    async def content() -> AsyncIterator[str]:
        # A byte order mark: without it spreadsheets do not read the file as UTF-8.
        yield "\ufeff" + csv_lines([heads(columns, language)])
        async with transaction(engine) as db:
            async for rows in db.chunks(statement, ROWS_AT_ONCE, parameters):
                yield csv_lines([view(row) for row in rows])

    headers = csv_headers(name, language)
    return StreamingResponse(content(), media_type="text/csv; charset=utf-8", headers=headers)


def feature(point: tuple[float, float], properties: Mapping[str, Any]) -> str:
    """A GeoJSON feature (RFC 7946): a point (longitude, latitude; WGS84) and what is known of it."""
    geometry = {"type": "Point", "coordinates": point}
    return json.dumps({"type": "Feature", "geometry": geometry, "properties": properties}, ensure_ascii=False)


async def feature_collection(chunks: AsyncIterator[Sequence[str]]) -> AsyncIterator[str]:
    """The features of a map as they come, and what stands around and between them."""
    before = '{"type": "FeatureCollection", "features": [\n'
    async for features in chunks:
        if features:
            yield before + ",\n".join(features)
            before = ",\n"
    yield "\n]}\n" if before == ",\n" else before + "]}\n"


def as_geojson(
    engine: Engine, statement: TextClause, parameters: dict[str, Any], view: Callable[[Record], str], name: str
) -> StreamingResponse:
    """Streams every row of a statement as a feature, from one snapshot, a few hundred at a time."""

    async def chunks() -> AsyncIterator[Sequence[str]]:
        async with transaction(engine) as db:
            async for rows in db.chunks(statement, ROWS_AT_ONCE, parameters):
                yield [view(row) for row in rows]

    disposition = {"content-disposition": f'attachment; filename="{name}.geojson"'}
    return StreamingResponse(feature_collection(chunks()), media_type="application/geo+json", headers=disposition)


GEOJSON_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The list as a map (GeoJSON, RFC 7946).",
        "content": {"application/geo+json": {"schema": {"type": "object"}}},
    }
}
CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The list as CSV (RFC 4180, UTF-8).", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


def counter(db: Database, statement: TextClause, parameters: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    """Counts the rows of a statement that stops at :most."""

    async def count() -> int:
        row = await db.one(statement, {**parameters, "most": COUNTED_AT_MOST + 1})
        return int(row[0]) if row is not None else 0

    return count
