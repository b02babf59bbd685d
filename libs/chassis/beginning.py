"""The present state for whoever begins to listen: what there is at one moment, and from where facts are newer.

The stream is asked first where it ends, then everything is read from one snapshot of the database. A fact that is not
in the snapshot was committed after it, and so published after that end. A fact that is in it, and was or will be
published after that end, is in the outbox of the same snapshot, and is named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic_core import to_json
from sqlalchemy import TextClause, text

from libs.chassis.db.database import Record, transaction
from libs.chassis.handling.commands import NotTakenNow
from libs.chassis.messaging import jetstream_api as api
from libs.chassis.messaging.faststream_internals import client_of
from libs.contracts.streams import stream_name
from libs.sentences import Sentence

ROWS_AT_ONCE = 500
ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
ALREADY = text(
    """
    SELECT message_id FROM outbox WHERE sent_at IS NULL AND split_part(subject, '.', 2) = :tenant
    UNION ALL
    SELECT message_id FROM outbox WHERE sequence > :sequence AND split_part(subject, '.', 2) = :tenant
    """
)
LINES_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What there is, one JSON object a line.",
        "content": {"application/jsonl": {"schema": {"type": "string"}}},
    }
}


async def as_lines(
    request: Request,
    service: str,
    tenant: str,
    statement: TextClause,
    parameters: Mapping[str, Any],
    view: Callable[[Record], str],
) -> StreamingResponse:
    """Streams every row of a statement as JSON Lines, between a line that says where the service's stream goes on and
    one that says how many they were."""
    stream = stream_name(service)
    end, engine = await _end_of(stream, client_of(request.app.state.broker)), request.app.state.engine

    async def lines() -> AsyncIterator[bytes]:
        async with transaction(engine) as db:
            await db.execute(ONE_MOMENT)
            already = [row.message_id for row in await db.rows(ALREADY, {"tenant": tenant, "sequence": end})]
            yield to_json({"stream": stream, "after_sequence": end, "already": already}) + b"\n"
            count = 0
            async for rows in db.chunks(statement, ROWS_AT_ONCE, parameters):
                count += len(rows)
                yield "".join(f"{view(row)}\n" for row in rows).encode()
            yield to_json({"rows": count}) + b"\n"

    return StreamingResponse(lines(), media_type="application/jsonl")


async def _end_of(stream: str, client: Client | None) -> int:
    """The sequence of the last message that the stream has. Raises NotTakenNow."""
    try:
        if client is not None:
            return int((await api.stream_info(client, stream))["state"]["last_seq"])
    except (api.ApiError, NatsError, OSError):
        pass
    raise NotTakenNow(
        Sentence(f"NATS 没有答复流 {stream} 的末尾在哪里", f"NATS does not say where the stream {stream} ends")
    )
