"""Marks messages as read."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, not_in_street
from services.notify.inbox import tables as inbox
from services.notify.inbox.domain import ReadMessage

router = EventRouter("notify")


@router.answers(ReadMessage)
async def read_messages(commands: Batch[ReadMessage], db: Database) -> Sequence[Answer]:
    read = await inbox.mark_read(db, [(c.tenant, c.recipient_id, c.delivery_id) for c in commands])
    return [
        Done(read[c.delivery_id])
        if c.delivery_id in read
        else not_in_street(
            c.tenant, f"{c.recipient_id} 的消息 {c.delivery_id}", f"message {c.delivery_id} to {c.recipient_id}"
        )
        for c in commands
    ]
