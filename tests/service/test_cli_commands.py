"""The operator's commands on real databases and streams: what they do, and how they tell what is wrong."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import nats
import pytest
from sqlalchemy import text

from deploy.local.linghe import street
from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db.database import Database, connect, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.db.schema_version import known_versions
from libs.chassis.messaging import topology
from libs.cli.running import run
from libs.contracts import cloudevents
from libs.contracts.dispatch import MemberChanged
from libs.contracts.values import MemberKind
from libs.sealing import Opener, Sealer, new_key_pair
from services.incident.cases import tables
from services.incident.cases.domain.history import append, no_entries
from tests.support.cli import wangge
from tests.support.stage import NOON, empty_database, fresh_database

TENANT = "370784004"
LATE = "2026-11-30T08:00:00+08:00"
PRIVATE, PUBLIC = new_key_pair()

INSERT_CASE = """
    INSERT INTO cases (tenant, case_id, case_no, tracking_code, sender, idempotency_key, fingerprint, request_kind,
        category, category_name, text, place_name, reported_at, state, opened, timeline_length, timeline_hash,
        changed_at)
    VALUES (:tenant, :case_id, '20261123-000017', 'ABCDEFGHJKMNP', 'web', 'k1', sha256('x'), 'snapshot',
        '11001', '路灯不亮', '路灯[/不亮]' || chr(27) || '[31m', '大儒林', :at, 'registered', 1, :length, :hash, :at)
"""

numbers = itertools.count()


@pytest.fixture
def url(servers: Servers) -> str:
    """A migrated dispatch database."""
    return run(fresh_database(servers.addresses.admin_url, "dispatch", f"cli_{next(numbers)}"))


def in_database(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
    async def connected() -> None:
        engine = connect(url, pool_size=1)
        try:
            async with transaction(engine) as db:
                await work(db)
        finally:
            await engine.close()

    run(connected())


def park(url: str) -> UUID:
    """A member's fact that was given up."""
    message = MemberChanged(
        tenant=TENANT,
        occurred_at=NOON,
        member_id="M0042",
        member_name="安宁",
        kind=MemberKind.VOLUNTEER,
        unit="37078400401",
        org_id="P37078400401",
        sealed_contact=Sealer(PUBLIC).seal({"email": "m0042@linghe.example"}),
    ).stamped(new_id(), new_id())
    envelope = cloudevents.encode(message)
    row = {"id": message.id, "subject": envelope.subject, "headers": json.dumps(envelope.headers)}

    async def write(db: Database) -> None:
        sql = (
            "INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at) "
            "VALUES (:id, :subject, CAST(:headers AS jsonb), :body, 5, 'KeyError: [unit]', now())"
        )
        await db.execute(text(sql), {**row, "body": envelope.body})

    in_database(url, write)
    return message.id


def test_migrate_prints_the_version_and_may_run_again(servers: Servers) -> None:
    url = run(empty_database(servers.addresses.admin_url, "cli_empty"))
    for _ in range(2):
        result = wangge("migrate", "dispatch", WANGGE_DISPATCH_DATABASE_URL=url)
        assert (result.exit_code, result.stdout) == (0, f"dispatch: {known_versions('dispatch')[-1]}\n")


def test_migrate_without_a_database_names_the_variable_and_touches_nothing(url: str) -> None:
    result = wangge("migrate", WANGGE_DISPATCH_DATABASE_URL=url)
    assert result.exit_code == 2
    assert "WANGGE_INCIDENT_DATABASE_URL is not set" in result.stderr
    assert result.stdout == ""


def test_topology_apply_needs_no_database_and_changes_nothing_twice(servers: Servers) -> None:
    nats_url = servers.addresses.nats_url
    assert wangge("topology", "apply", WANGGE_NATS_URL=nats_url).exit_code == 0
    again = wangge("topology", "apply", WANGGE_NATS_URL=nats_url)
    assert (again.exit_code, again.stdout) == (0, "Nothing to change.\n")
    more = wangge("topology", "apply", WANGGE_NATS_URL=nats_url, WANGGE_SERVICE_REPLICAS="4")
    assert "consumer INCIDENT → dispatch" in more.stdout

    async def the_limit_is_raised() -> None:
        connection = await nats.connect(nats_url)
        try:
            consumer = await connection.jetstream().consumer_info("INCIDENT", "dispatch")
        finally:
            await connection.close()
        assert consumer.config.max_ack_pending == 4 * topology.PENDING_PER_REPLICA

    run(the_limit_is_raised())


def test_a_broker_that_is_not_there_is_told_without_a_traceback() -> None:
    result = wangge("topology", "apply", WANGGE_NATS_URL="nats://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr == (
        "Nothing answers at 127.0.0.1:1 (WANGGE_NATS_URL): is it running there, and is the address right?\n"
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://me:secret@127.0.0.1:1/x", "Nothing answers at 127.0.0.1:1"),
        ("postgresql://me:secret@nowhere.invalid/x", "Nothing answers at nowhere.invalid"),
        ("{server}/nosuch", "has no database of that name"),
        ("postgresql://nobody@{host}/postgres", "refuses the user"),
    ],
)
@pytest.mark.parametrize("command", [["dlq", "list"], ["migrate", "dispatch"], ["outbox", "replay", "--since", LATE]])
def test_a_database_that_cannot_be_asked_is_named_in_a_sentence(
    servers: Servers, command: list[str], url: str, sentence: str
) -> None:
    server = servers.addresses.admin_url.rpartition("/")[0]
    told = wangge(*command, WANGGE_DISPATCH_DATABASE_URL=url.format(server=server, host=server.partition("@")[2]))
    assert told.exit_code == 1
    assert sentence in told.stderr
    assert told.stderr.count("\n") == 1
    assert "secret" not in told.stderr


def test_a_time_without_a_zone_is_not_guessed_at() -> None:
    result = wangge("outbox", "replay", "--since", "2026-11-30T08:00:00", WANGGE_DISPATCH_DATABASE_URL="postgresql://x")
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"WANGGE_DISPATCH_DATABASE_URL": ""}, "WANGGE_DISPATCH_DATABASE_URL is wrong"),
        ({"WANGGE_DISPATCH_DATABASE_URL": "mysql://secret@x"}, "WANGGE_DISPATCH_DATABASE_URL is wrong"),
        ({"WANGGE_DISPATCH_DATABASE_URL": "postgresql://x", "WANGGE_HTTP_PORT": "99999"}, "WANGGE_HTTP_PORT is wrong"),
        ({"WANGGE_DISPATCH_DATABASE_URL": "postgresql://x", "WANGGE_LOG_LEVEL": "LOUD"}, "WANGGE_LOG_LEVEL is wrong"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(environment: dict[str, str], told: str) -> None:
    result = wangge("serve", "dispatch", **environment)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "secret" not in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_a_database_without_tables_leads_to_migrate(servers: Servers) -> None:
    url = run(empty_database(servers.addresses.admin_url, "cli_bare"))
    result = wangge("dlq", "list", WANGGE_DISPATCH_DATABASE_URL=url)
    assert result.exit_code == 1
    assert result.stderr.endswith("(WANGGE_…_DATABASE_URL) has no tables yet: `wangge migrate` makes them.\n")


def test_a_command_imports_only_what_it_needs_and_nothing_from_outside_the_image() -> None:
    heavy = "{'sqlalchemy', 'nats', 'fastapi', 'shapely', 'deploy'}"
    script = f"import sys, wangge.main; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


def test_a_service_that_is_served_imports_no_other_one() -> None:
    script = (
        "import sys, services.incident.app, wangge.serving; "
        "print({m.split('.')[1] for m in sys.modules if m.startswith('services.')})"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "{'incident'}\n"


@pytest.mark.parametrize(
    ("group", "commands"),
    [
        ("roster", ["import"]),
        ("responsibility", ["import", "export"]),
        ("routing", ["replay"]),
        ("dlq", ["list", "show", "replay"]),
        ("outbox", ["replay"]),
        ("case", ["show", "verify"]),
    ],
)
def test_the_commands_of_a_room_are_listed_when_they_are_asked_for(group: str, commands: list[str]) -> None:
    result = wangge(group, "--help")
    assert result.exit_code == 0
    assert [command for command in commands if f" {command} " not in result.output] == []


def test_new_keys_seal_and_open() -> None:
    lines = dict(line.split("=", 1) for line in wangge("keys", "new").stdout.splitlines())
    sealed = Sealer(lines["WANGGE_NOTIFY_PUBLIC_KEY"]).seal({"language": "zh"})
    assert Opener(lines["WANGGE_NOTIFY_PRIVATE_KEY"]).open(sealed) == {"language": "zh"}


def test_dead_letters_are_listed_shown_without_the_sealed_contact_and_replayed(url: str) -> None:
    parked, other = park(url), park(url)
    environment = {"WANGGE_DISPATCH_DATABASE_URL": url}
    listed = wangge("dlq", "list", **environment).stdout
    assert str(parked) in listed
    assert "wangge.dispatch.member_changed.v1" in listed
    assert "KeyError: [unit]" in listed

    shown = wangge("dlq", "show", str(parked), **environment).stdout
    assert '"member_name": "安宁"' in shown
    assert '"box": "(sealed)"' in shown
    assert '"ce-type": "wangge.dispatch.member_changed.v1"' in shown

    replayed = wangge("dlq", "replay", str(parked), **environment)
    assert replayed.stdout == "dispatch: 1 will be tried again\n"
    assert str(parked) not in wangge("dlq", "list", **environment).stdout
    assert str(other) in wangge("dlq", "list", **environment).stdout

    async def is_due(db: Database) -> None:
        row = await db.one(
            text("SELECT due_at <= now(), parked_at, attempts FROM retries WHERE id = :i"), {"i": parked}
        )
        assert row is not None
        assert tuple(row) == (True, None, 0)

    in_database(url, is_due)
    assert wangge("dlq", "replay", "--all", "--service", "dispatch", **environment).exit_code == 0
    assert wangge("dlq", "list", **environment).stdout == "No dead letters.\n"


def test_a_dead_letter_that_is_not_there_is_refused(url: str) -> None:
    unknown = str(new_id())
    for command in ("show", "replay"):
        result = wangge("dlq", command, unknown, WANGGE_DISPATCH_DATABASE_URL=url)
        assert (result.exit_code, result.stderr) == (1, f"No dead letter {unknown} in dispatch.\n")


def test_replay_wants_ids_or_all(url: str) -> None:
    assert wangge("dlq", "replay", WANGGE_DISPATCH_DATABASE_URL=url).exit_code == 2
    assert wangge("dlq", "replay", str(new_id()), "--all", WANGGE_DISPATCH_DATABASE_URL=url).exit_code == 2


def test_a_case_is_shown_with_its_timeline_in_the_time_of_the_street(servers: Servers) -> None:
    url = run(fresh_database(servers.addresses.admin_url, "incident", "cli_case"))
    head, case_id, entries = no_entries(NOON), new_id(), []
    for step, details in (
        ("reported", {"state": "registered", "followed": True, "nobody": None}),
        ("registered", {"category": "11001", "order_id": str(case_id), "members": ["M1", "M2"]}),
    ):
        entry, head = append(head, TENANT, case_id, new_id(), step, NOON, NOON, details)
        entries.append((entry, head.hash))
    case = {"case_id": case_id, "tenant": TENANT, "at": NOON, "length": head.length, "hash": head.hash}

    async def write(db: Database) -> None:
        await db.execute(text(INSERT_CASE), case)
        await tables.append(db, entries)

    async def tamper(db: Database) -> None:
        await db.execute(text("SET session_replication_role = replica"))
        await db.execute(text("UPDATE timeline SET happened_at = happened_at - interval '1 day' WHERE position = 2"))

    in_database(url, write)
    environment = {"WANGGE_INCIDENT_DATABASE_URL": url, "LC_ALL": "C"}
    shown = wangge("case", "show", "20261123-000017", "--tenant", TENANT, **environment).stdout
    assert "路灯[/不亮]�[31m" in shown
    assert "registered  Registered" in shown
    assert "2026-11-23 12:00" in shown
    assert "category 11001" in shown
    assert "  followed yes\n" in shown
    assert f"  order_id {case_id}\n" in shown
    assert "  members M1, M2\n" in shown
    chinese = {**environment, "LC_ALL": "zh_CN.UTF-8", "COLUMNS": "20"}
    narrow = wangge("case", "show", "20261123-000017", "--tenant", TENANT, **chinese).stdout
    assert f"  order_id {case_id}\n" in narrow
    assert "状态         registered 已立案\n" in narrow
    assert not any(sign in shown for sign in ("True", "None", "['", "{'"))
    verified = wangge("case", "verify", **environment)
    assert verified.stdout == "1 case with 2 entries: every link holds.\n"
    assert wangge("case", "verify", "20261123-000018", **environment).exit_code == 1
    in_database(url, tamper)
    broken = wangge("case", "verify", "--tenant", TENANT, **environment)
    assert broken.exit_code == 1
    assert broken.stderr.startswith(f"{TENANT} case 20261123-000017: entry 2 (registered) is not what was recorded")
    unknown = wangge("case", "show", "20261123-000018", "--tenant", TENANT, **environment)
    assert (unknown.exit_code, unknown.stderr) == (1, f"Street {TENANT} has no case 20261123-000018.\n")


def test_a_roster_is_previewed_imported_and_then_unchanged(url: str, tmp_path: Path) -> None:
    street.write(street.build(), tmp_path)
    environment = {"WANGGE_DISPATCH_DATABASE_URL": url, "WANGGE_NOTIFY_PUBLIC_KEY": PUBLIC}
    command = ("roster", "import", str(tmp_path), "--tenant", TENANT)
    preview = wangge(*command, "--preview", **environment)
    assert preview.exit_code == 0
    assert "2303" in preview.stdout
    assert "nothing was written" in preview.stdout
    chinese = wangge(*command, "--preview", **environment, LC_ALL="zh_CN.UTF-8").stdout
    assert "新增" in chinese
    assert "这是预览，没有写入。" in chinese
    assert "Imported." in wangge(*command, **environment).stdout
    assert "Nothing has changed." in wangge(*command, **environment).stdout


def test_a_wrong_roster_is_told_cell_by_cell(url: str, tmp_path: Path) -> None:
    street.write(street.build(), tmp_path)
    path = tmp_path / "members.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",lead,", ",chief,"), encoding="utf-8")
    environment = {"WANGGE_DISPATCH_DATABASE_URL": url, "WANGGE_NOTIFY_PUBLIC_KEY": PUBLIC}
    result = wangge("roster", "import", str(tmp_path), "--tenant", TENANT, **environment)
    assert result.exit_code == 1
    assert "members.csv line 2, kind: 'chief'" in result.stderr
    assert result.stderr.endswith("Nothing was changed.\n")


def test_a_roster_without_a_key_names_the_variable(url: str, tmp_path: Path) -> None:
    command = ("roster", "import", str(tmp_path), "--tenant", TENANT)
    for key in ({}, {"WANGGE_NOTIFY_PUBLIC_KEY": "c2hvcnQ="}):
        result = wangge(*command, WANGGE_DISPATCH_DATABASE_URL=url, **key)
        assert result.exit_code == 2
        assert "WANGGE_NOTIFY_PUBLIC_KEY is" in result.stderr
