"""What the chassis deletes: sent rows after three days, inbox rows after eight, however many there are by then."""

from __future__ import annotations

from sqlalchemy import text

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis import housekeeping
from libs.chassis.db.database import connect, transaction
from libs.chassis.messaging.topology import INBOX_DAYS
from tests.support.probe import database

MANY = housekeeping.CHUNK * 2 + 10

SENT = text(
    """
    INSERT INTO outbox (partition, message_id, subject, headers, body, recorded_at, sent_at)
    SELECT 0, gen_random_uuid(), 'wangge.x', '{}', 'x', now() - make_interval(hours => :hours),
           CASE WHEN :sent THEN now() - make_interval(hours => :hours) END
    FROM generate_series(1, :count)
    """
)
HEARD = text(
    """
    INSERT INTO inbox (message_id, received_at)
    SELECT gen_random_uuid(), now() - make_interval(days => :days) FROM generate_series(1, :count)
    """
)
COUNTS = text("SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM inbox)")


async def test_what_is_old_goes_and_what_may_still_be_needed_stays(servers: Servers) -> None:
    engine = connect(await database(servers, "housekeeping"))
    async with transaction(engine) as db:
        await db.execute(SENT, {"hours": housekeeping.OUTBOX_HOURS + 1, "sent": True, "count": MANY})
        await db.execute(SENT, {"hours": housekeeping.OUTBOX_HOURS - 1, "sent": True, "count": 3})
        await db.execute(SENT, {"hours": housekeeping.OUTBOX_HOURS + 1, "sent": False, "count": 4})
        await db.execute(HEARD, {"days": INBOX_DAYS + 1, "count": MANY})
        await db.execute(HEARD, {"days": INBOX_DAYS - 1, "count": 5})
    await housekeeping.tidy(engine, "scoring")
    async with transaction(engine) as db:
        left = await db.one(COUNTS)
    assert left is not None
    assert tuple(left) == (7, 5)
    await engine.close()
