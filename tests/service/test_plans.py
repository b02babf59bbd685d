"""No statement of the hot path reads a growing table from end to end: plans and counters of a scripted life.

The tables hold what 25 000 cases leave. Each statement that a service issues is explained on its own connection as
it is issued, for the parameters that it has and for any (the generic plan that PostgreSQL may change to). Beside
that PostgreSQL's counters say what was read in truth, by triggers and foreign keys too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import asyncpg
import pytest

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import connect, transaction
from services.scoring.ledger import tables as ledger_tables
from tests.support.explained import Explained, Watch, constants, nodes
from tests.support.filled_street import filled_street, life_on

CASES, STREETS = 25_000, 3
USUAL_CASES = 20
"""Of the scripted life: it issues every statement more often than the five times after which a plan may change."""
FEW_ROWS = 1_000
"""So many rows may be read, however many there are."""

IMPORT_ROWS = 4_500
"""The street's 2 303 members and 1 001 units are told to the others, and those who live then are told something."""

SMALL = {
    "alembic_version": "one row",
    "streets": "one row a street",
    "places": "the street's gazetteer: some hundreds a street",
    "routing_rules": "a few a street",
    "calendar_days": "days on which a street differs: a few a year",
    "working_hours": "two rows a street",
    "units": "the grid tree: about 1 000 a street, in dispatch and as incident knows it",
    "responsibilities": "the responsibility list: some hundred rows a street, and what imports have changed of them",
    "responsibility_versions": "imports of the list: a few a year",
    "categories": "the responsibility list as incident knows it",
    "absences": "who is away: a few a member and year",
    "members": "who serves: about 2 300 a street",
    "orgs": "organisations: about 1 000 a street",
    "recipients": "members and organisations as notify knows them: about 3 300 a street",
    "accounts": "of members, organisations and rules, one for each dimension",
    "campaigns": "a few a street",
    "case_numbers": "one a street",
    "preferences": "of members and reporters who have said something",
}
"""Tables that do not grow with the number of cases, so that a scan is allowed. All others grow."""

UNDER_WAY = {
    "outbox_unsent": "facts to be published",
    "orders_one_live_per_case": "orders that are neither checked nor cancelled",
    "inspections_one_open_check": "what somebody shall look at",
    "retries_due_at": "messages that wait for another try",
    "retries_parked_at": "dead letters, which an operator clears away",
    "deliveries_due": "messages to be sent",
    "findings_due": "findings that wait for their case",
}
"""Partial indexes that hold what is under way and nothing that is over: a scan of the whole index is short."""

A_CHUNK = {
    "libs.chassis.housekeeping.OLD_OUTBOX": "looks at the oldest 5 000 every quarter of a minute",
    "outbox_pkey": "by which it finds them",
    "outbox_sequence": "looks at those that were sent since the last look, every five seconds",
}
"""Statements and indexes that read a part of fixed size, though it is no small one."""

READ_EVERYTHING = {
    "services.incident.case_lists.tables.EXPORT": "every case that is wanted, into a file",
    "services.dispatch.order_lists.tables.EXPORT": "every order that is wanted, into a file",
    "services.incident.case_lists.tables.COUNTS": "counts every case of a street",
    "services.dispatch.order_lists.tables.COUNTS": "counts every order of a street",
    "services.dispatch.order_lists.tables.ROUTED": "every case of some days, to be routed by other rules",
    "services.dispatch.order_lists.tables.ENDED_BY_LEVEL": "counts the orders that ended in a period",
    "services.notify.deliveries.tables.COUNTS": "counts every delivery of a street",
    "services.notify.deliveries.tables.LATENCY": "percentiles over every case of a street",
    "services.scoring.ledger.tables.CHECK": "the audit: replays every posting of a street",
}
"""Statements whose cost grows with what there is. None is issued while a case is handled."""

ELSEWHERE = {
    "services.dispatch.roster.tables": "an import, now and then",
    "services.dispatch.street.tables.NEXT_VERSION": "an import, now and then",
    "services.dispatch.components.tables": "an import of the inventory or a look at it, now and then",
    "services.dispatch.responsibility.tables": "an import of the list or a look at it, now and then",
    "services.incident.cases.audit": "an audit, now and then",
    "libs.chassis.db.schema_version": "once at the start",
    "libs.chassis.health": "a probe",
    "libs.chassis.beginning.ONE_MOMENT": "says how a transaction reads, and has no plan",
    "libs.chassis.handling.held_up": "while somebody's lock is in the way",
    "libs.chassis.handling.timers.STREETS_DUE": "while somebody's lock is in the way",
    "libs.chassis.messaging.losses.PUT_BACK": "after a loss",
    "libs.chassis.messaging.losses.COUNTED": "after a loss",
    "libs.chassis.messaging.losses.MADE_GOOD": "after a loss",
    "libs.chassis.db.tables": "defaults of columns",
}
"""Modules, and statements by themselves, that no life of a case issues."""


@dataclass(frozen=True)
class Observed:
    """`scans`: sequential scans by service and table. `entries`: (those read, those there) by service and index."""

    plans: list[Explained]
    scans: dict[tuple[str, str], int]
    entries: dict[tuple[str, str], tuple[int, int]]
    rows: dict[tuple[str, str], int]
    ledger_adds_up: bool


@pytest.fixture(scope="module")
async def observed(servers: Servers) -> AsyncIterator[Observed]:
    async with filled_street(servers, cases=CASES, streets=STREETS) as urls:
        watch = Watch()
        async with life_on(urls, watch.over) as life:
            await life.at_rest()
            await life.lead(USUAL_CASES)
        scans: dict[tuple[str, str], int] = {}
        entries: dict[tuple[str, str], tuple[int, int]] = {}
        rows: dict[tuple[str, str], int] = {}
        # The services are gone, and with them every counter is written down.
        for service, url in urls.items():
            db = await asyncpg.connect(url)
            scans |= {(service, name): count for name, count in await db.fetch(SCANS)}
            entries |= {(service, index): (read, there) for index, read, there in await db.fetch(ENTRIES, list(SMALL))}
            rows |= {(service, name): count for name, count in await db.fetch(ROWS)}
            await db.close()
        async with life_on(urls, watch.over) as life:
            await life.count_everything()
        engine = connect(urls["scoring"], 1)
        async with transaction(engine) as ledger:
            adds_up = (await ledger_tables.verify(ledger)).adds_up
        await engine.close()
        yield Observed(watch.plans, scans, entries, rows, adds_up)


SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = 'public' AND seq_scan > 0"
ENTRIES = """
SELECT s.indexrelname, s.idx_tup_read, CAST(c.reltuples AS bigint)
FROM pg_stat_user_indexes s JOIN pg_class c ON c.oid = s.indexrelid
WHERE s.schemaname = 'public' AND s.relname <> ALL($1)
"""
ROWS = """
SELECT relname, CAST(reltuples AS bigint) FROM pg_class
WHERE relkind = 'r' AND relnamespace = CAST('public' AS regnamespace)
"""


def offences(explained: Explained, rows: Mapping[tuple[str, str], int]) -> list[str]:
    """What of a plan reads a growing table from end to end, or an index of it, or very much of either."""
    found = []
    for node, limited in nodes(explained.plan):
        table, index = node.get("Relation Name"), node.get("Index Name")
        if table is None or table in SMALL or rows.get((explained.service, table), 0) < FEW_ROWS:
            continue
        if node["Node Type"] == "Seq Scan":
            found.append(f"Seq Scan on {table}")
        # With a LIMIT above it a scan ends early only if what it reads is what is wanted.
        filtered = node.get("Filter")
        whole = node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in node
        if whole and index not in UNDER_WAY and (filtered or not limited):
            found.append(f"all of {index}, filtered by {filtered}")
        if not limited and node["Plan Rows"] >= FEW_ROWS:
            found.append(f"about {node['Plan Rows']:,} rows of {table}")
    return found


def name_of(plan: Explained, names: dict[str, str]) -> str:
    """The statement's constant; the statement itself where it is put together by the chassis."""
    return names.get(plan.statement) or f"{plan.service}: {' '.join(plan.statement.split())[:300]}"


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    return constants("libs/chassis", "services")


def test_no_statement_of_the_hot_path_reads_a_growing_table(observed: Observed, names: dict[str, str]) -> None:
    assert len(observed.plans) > 100
    found = {
        f"{name} ({'any' if plan.generic else 'these'} parameters): {offence}"
        for plan in observed.plans
        if (name := name_of(plan, names)) not in {**READ_EVERYTHING, **A_CHUNK}
        for offence in offences(plan, observed.rows)
    }
    assert not found, "\n".join(sorted(found))


def test_no_growing_table_was_read_in_truth(observed: Observed) -> None:
    """A table of a few pages is read as a whole, and nobody minds."""
    found = {
        table: f"{count} scans of {observed.rows[table]:,} rows"
        for table, count in observed.scans.items()
        if table[1] not in SMALL and observed.rows[table] > FEW_ROWS
    }
    assert found == {}


def test_of_no_index_the_life_of_a_few_cases_reads_a_large_part(observed: Observed) -> None:
    found = {
        index: f"{read:,} entries read of {there:,}"
        for index, (read, there) in observed.entries.items()
        if index[1] not in {**UNDER_WAY, **A_CHUNK} and read > max(there / 10, IMPORT_ROWS)
    }
    assert found == {}


def test_every_statement_of_the_services_was_seen(observed: Observed, names: dict[str, str]) -> None:
    """Or else a life of a case has nothing to do with it."""
    seen = {plan.statement for plan in observed.plans}
    unseen = [name for statement, name in names.items() if statement not in seen]
    assert sorted(name for name in unseen if not {name, name.rpartition(".")[0]} & ELSEWHERE.keys()) == []


def test_what_reads_everything_says_so(observed: Observed, names: dict[str, str]) -> None:
    """Neither a statement that is gone nor one that has been made better stays in the list."""
    reading = {name for plan in observed.plans if offences(plan, observed.rows) and (name := name_of(plan, names))}
    assert set(READ_EVERYTHING) <= reading


def test_the_tables_were_full_and_the_ledger_adds_up(observed: Observed) -> None:
    assert observed.rows["incident", "cases"] >= CASES
    assert observed.rows["scoring", "postings"] >= 9 * CASES
    assert observed.ledger_adds_up
