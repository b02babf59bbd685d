"""A street from a folder, its tree, people, lists, calendar and places: what differs is written and told."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from libs.chassis.db.database import Database
from libs.chassis.messaging import outbox
from libs.contracts.dispatch import MemberChanged, UnitChanged
from libs.contracts.message import Event
from libs.sealing import Sealer
from libs.sentences import Sentence, counted, joined
from services.dispatch.calendar.tables import CalendarDayRow, HoursRow
from services.dispatch.components import importing as components
from services.dispatch.grid.tables import PlaceRow, UnitRow
from services.dispatch.responsibility import importing as responsibility_list
from services.dispatch.responsibility.importing import ListChange
from services.dispatch.roster import checks as roster_checks
from services.dispatch.roster import files as roster_files
from services.dispatch.roster import tables as roster_tables
from services.dispatch.roster.checks import Roster, Row
from services.dispatch.street import tables as street_tables
from services.dispatch.street.tables import MemberRow, RoutingRuleRow


class InUse(Exception):
    """What the roster leaves out cannot go yet, so nothing was changed."""

    def __init__(self, reasons: Iterable[Sentence]) -> None:
        self.sentence = joined(reasons)
        super().__init__(self.sentence.en)


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows as they shall be; those removed as they were."""

    added: list[Row]
    changed: list[Row]
    removed: list[Row]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def stamped(self, version: int) -> Difference:
        """With the street's version with which the rows come to be as they are."""
        return Difference(
            [{**row, "version": version} for row in self.added],
            [{**row, "version": version} for row in self.changed],
            self.removed,
        )

    @property
    def counts(self) -> tuple[int, int, int]:
        return len(self.added), len(self.changed), len(self.removed)


@dataclass(frozen=True, slots=True)
class Changes:
    units: Difference
    members: Difference
    categories: ListChange
    calendar: Difference
    hours: Difference
    places: Difference
    rules: Difference

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def read(source: Path, tenant: str, public_key: str) -> Roster:
    """A folder or a workbook as rows. Raises Mistaken, which names every wrong cell."""
    return roster_checks.roster(roster_files.read(source), tenant, b64decode(public_key.partition(",")[0]))


async def import_roster(
    db: Database, roster: Roster, sealer: Sealer, now: datetime, *, preview: bool = False
) -> Changes:
    """Make the street what the roster says; what differed. A preview only says it.

    Raises InUse for a unit that is left out and for a member who has open orders.
    """
    await responsibility_list.wait_for_other_imports(db, roster.tenant)
    changes = Changes(
        _compare(roster.units, await roster_tables.present(db, UnitRow, roster.tenant)),
        _compare(roster.members, await roster_tables.present(db, MemberRow, roster.tenant)),
        await responsibility_list.compare(db, roster.tenant, roster.responsibilities, now),
        _compare(roster.calendar, await roster_tables.present(db, CalendarDayRow, roster.tenant)),
        _compare(roster.hours, await roster_tables.present(db, HoursRow, roster.tenant)),
        _compare(roster.places, await roster_tables.present(db, PlaceRow, roster.tenant)),
        _compare(roster.rules, await roster_tables.present(db, RoutingRuleRow, roster.tenant)),
    )
    await _refuse_what_is_in_use(db, roster.tenant, changes)
    if preview or not changes:
        return changes
    version = await street_tables.next_version(db, roster.tenant)
    for table, difference in (
        (UnitRow, changes.units.stamped(version)),
        (MemberRow, changes.members),
        (CalendarDayRow, changes.calendar),
        (HoursRow, changes.hours),
        (PlaceRow, changes.places),
        (RoutingRuleRow, changes.rules),
    ):
        await roster_tables.write(db, table, difference.added, difference.changed, difference.removed)
    if changes.units:
        await components.follow_map(db, roster.tenant, now)
    facts = [*_unit_facts(changes.units, now)]
    facts += await responsibility_list.write(db, roster.tenant, changes.categories, now)
    facts += _member_facts(changes.members, roster, sealer, now)
    await outbox.record(db, ((fact, outbox.NO_CAUSE) for fact in facts))
    return changes


def _compare(wanted: Mapping[Any, Row], present: Mapping[Any, Row]) -> Difference:
    return Difference(
        added=[row for key, row in wanted.items() if key not in present],
        changed=[row for key, row in wanted.items() if key in present and present[key] != row],
        removed=[row for key, row in present.items() if key not in wanted],
    )


async def _refuse_what_is_in_use(db: Database, tenant: str, changes: Changes) -> None:
    """Locks the members that change, in the sequence in which dispatch locks them."""
    reasons = [
        Sentence(
            f"缺少单元 {row['code']} {row['name']}：单元不能移除",
            f"unit {row['code']} {row['name']} is left out: units cannot be removed",
        )
        for row in changes.units.removed
    ]
    touched = [row["member_id"] for row in (*changes.members.changed, *changes.members.removed)]
    open_orders = await roster_tables.lock_members(db, tenant, touched)
    leaving = [row for row in changes.members.removed if open_orders[row["member_id"]]]
    if leaving:
        in_hand = await roster_tables.cases_in_hand(db, tenant, [row["member_id"] for row in leaving])
        reasons += [
            _still_needed(row, open_orders[row["member_id"]], in_hand.get(row["member_id"], [])) for row in leaving
        ]
    if reasons:
        raise InUse(reasons)


def _still_needed(member: Row, orders: int, case_nos: Sequence[str]) -> Sentence:
    who = f"{member['member_id']} {member['name']}"
    return Sentence(
        f"缺少成员 {who}，其在办 {orders} 件（案件 {'、'.join(case_nos)}）：请先改派给他人，或待其办结、回退",
        f"member {who} is left out, but has {counted(orders, 'open order')} (cases {', '.join(case_nos)}): "
        "have them assigned to others first, handed in or given back",
    )


def _with_activity(difference: Difference) -> Iterator[tuple[Row, bool]]:
    for row in (*difference.added, *difference.changed):
        yield row, True
    for row in difference.removed:
        yield row, False


def _unit_facts(units: Difference, now: datetime) -> Iterator[Event]:
    for row, active in _with_activity(units):
        yield UnitChanged(occurred_at=now, active=active, **_only(row, UnitChanged))


def _member_facts(members: Difference, roster: Roster, sealer: Sealer, now: datetime) -> Iterator[Event]:
    for row, active in _with_activity(members):
        yield MemberChanged(
            occurred_at=now,
            active=active,
            member_name=row["name"],
            sealed_contact=sealer.seal(roster.contacts[row["member_id"]]) if active else None,
            **_only(row, MemberChanged),
        )


def _only(row: Row, fact: type[Event]) -> Row:
    """Those columns that the fact has a field for."""
    return {name: value for name, value in row.items() if name in fact.model_fields}
