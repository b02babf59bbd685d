"""A street's responsibility list becomes what a file says: what differs is a new version of it, and is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from libs.chassis.db.database import Database
from libs.chassis.handlers import Timer
from libs.chassis.handling import timers
from libs.contracts.message import Event
from libs.sentences import Sentence
from libs.street_time import local_day
from services.dispatch.responsibility import tables as list_tables
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.responsibility import Responsibility, categories, category_facts, next_turn
from services.dispatch.street.tables import key_of


class ListTurns(Timer):
    """A day begins from which rows of a street's list apply, or no longer do."""

    key_field: ClassVar[str] = "tenant"


@dataclass(frozen=True, slots=True)
class ListChange:
    """Rows that are new, those that changed as they were and as they shall be, and those that go.

    `version` is the one that the list has now, or had before a preview; `stops` says which categories can no longer be
    reported from the import on.
    """

    added: list[Responsibility]
    changed: list[tuple[Responsibility, Responsibility]]
    removed: list[Responsibility]
    version: int = 0
    stops: tuple[Sentence, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def counts(self) -> tuple[int, int, int]:
        return len(self.added), len(self.changed), len(self.removed)


async def wait_for_other_imports(db: Database, tenant: str) -> None:
    """One import of a street at a time, and none while its list turns; the next one sees what this one did."""
    await timers.hold(db, ListTurns, [tenant])
    await street_tables.wait_for_other_imports(db, tenant)


async def compare(db: Database, tenant: str, wanted: Sequence[Responsibility], now: datetime) -> ListChange:
    """What an import would change."""
    before = {key_of(row): row for row in await street_tables.rows_now(db, tenant)}
    after = {key_of(row): row for row in wanted}
    shared = [(before[key], row) for key, row in after.items() if key in before]
    known = await list_tables.versions(db, tenant, 1)
    return ListChange(
        added=[row for key, row in after.items() if key not in before],
        changed=[(old, new) for old, new in shared if old != replace(new, version=old.version)],
        removed=[row for key, row in sorted(before.items()) if key not in after],
        version=known[0].version if known else max((row.version for row in before.values()), default=0),
        stops=tuple(_stops(list(before.values()), wanted, now)),
    )


def _stops(before: Sequence[Responsibility], after: Sequence[Responsibility], now: datetime) -> Iterator[Sentence]:
    """What can be reported now and not after the import, and from when on again."""
    goes_on = categories(after, now)
    for code, (name_zh, name_en, *_) in sorted(categories(before, now).items()):
        if code not in goes_on:
            begins = (row.effective_from for row in after if row.category == code)
            later = min((day for day in begins if day > local_day(now)), default=None)
            zh, en = (f"，到 {later} 才又可以", f" until {later}") if later else ("", "")
            yield Sentence(
                f"{code} {name_zh}：导入后没有适用的行，不能再上报{zh}",
                f"{code} {name_en}: no row applies after the import, so it cannot be reported{en}",
            )


async def put_in_force(db: Database, tenant: str, change: ListChange, now: datetime) -> tuple[ListChange, list[Event]]:
    """Write a change and make a new version of the street; the change with its version, and the facts.

    A change of nothing makes no version. The caller has waited for other imports.
    """
    if not change:
        return change, []
    await street_tables.next_version(db, tenant)
    facts = await write(db, tenant, change, now)
    return replace(change, version=change.version + 1), facts


async def write(db: Database, tenant: str, change: ListChange, now: datetime) -> list[Event]:
    """Make the next version of the list, which orders are made under from now on; the facts for who takes reports.

    The caller has waited for other imports, and makes a new version of the street.
    """
    if not change:
        return []
    before = await street_tables.rows_now(db, tenant)
    known = await list_tables.versions(db, tenant, 1)
    told_at, version = known[0].told_at if known else now, change.version + 1
    added, changed, removed = change.counts
    await list_tables.retire(db, tenant, version, [*(old for old, _ in change.changed), *change.removed])
    await list_tables.insert(db, tenant, version, [*change.added, *(new for _, new in change.changed)])
    await list_tables.insert_version(
        db,
        tenant=tenant,
        version=version,
        imported_at=now,
        told_at=now,
        added=added,
        changed=changed,
        removed=removed,
    )
    after = await street_tables.rows_now(db, tenant)
    await _await_turn(db, tenant, after, now)
    return [*category_facts(tenant, categories(before, told_at), categories(after, now), now)]


async def turn(db: Database, tenant: str, now: datetime) -> list[Event]:
    """What may be reported from today on, and what no longer."""
    await street_tables.wait_for_other_imports(db, tenant)
    [known] = await list_tables.versions(db, tenant, 1)
    rows = await street_tables.rows_now(db, tenant)
    await list_tables.set_told(db, tenant, known.version, now)
    await _await_turn(db, tenant, rows, now)
    return [*category_facts(tenant, categories(rows, known.told_at), categories(rows, now), now)]


async def _await_turn(db: Database, tenant: str, rows: Sequence[Responsibility], now: datetime) -> None:
    due_at = next_turn(rows, now)
    if due_at is None:
        await timers.cancel(db, ListTurns, [tenant])
    else:
        await timers.schedule(db, [ListTurns(due_at=due_at, tenant=tenant)])
