"""Marks messages as read."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from services.notify.inbox import tables as inbox
from services.notify.inbox.domain import ReadMessage

router = EventRouter("notify")


@router.answers(ReadMessage)
async def read_messages(commands: Batch[ReadMessage], db: Database) -> Sequence[Answer]:
    read = await inbox.mark_read(db, [(c.tenant, c.recipient_id, c.delivery_id) for c in commands])
    return [
        Done(read[c.delivery_id])
        if c.delivery_id in read
        else Refused(404, "Not found", f"{c.recipient_id} has no message {c.delivery_id}")
        for c in commands
    ]
