"""Bugs planted into how the chassis heals, waits and tells: the tests of that find each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import nats
import pytest
from nats.js import JetStreamContext

from deploy.local.servers.nats_and_postgres import Servers
from libs.chassis.db import database
from libs.chassis.db.database import Engine
from libs.chassis.handling import commands, processing
from libs.chassis.handling.processing import Processor
from libs.chassis.handling.timers import TimerSweep
from libs.chassis.messaging import losses, relay, subscriber, topology, upkeep
from libs.chassis.messaging.subscriber import BatchPuller
from tests.service import test_chassis_held_up as held_up
from tests.service import test_chassis_upkeep as healing
from tests.support import stage as stages
from tests.support.probe import probe
from tests.support.stage import Stage

Check = Callable[[Servers, Stage, JetStreamContext, pytest.MonkeyPatch], Awaitable[None]]
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    name: str
    plant: Plant
    check: Check


def _age_from_the_try(patch: pytest.MonkeyPatch) -> None:
    def not_answered(self: BatchPuller) -> None:
        self.last_answer = self.last_try

    async def forgiving(self: BatchPuller) -> None:
        self.failures.failed = lambda work, reason: setattr(self, "last_answer", self.last_try)  # type: ignore[method-assign]
        await pull(self)

    pull = BatchPuller.pull
    patch.setattr(BatchPuller, "_not_answered", not_answered)
    patch.setattr(BatchPuller, "pull", forgiving)


def _consumer_from_now_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(topology, "from_where", lambda stream, now: {"deliver_policy": "new"})


def _same_id_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(relay, "_msg_id", lambda row: str(row.message_id))


def _losses_are_only_noted(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        return None

    patch.setattr(losses, "put_back", nothing)


def _upkeep_sleeps(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: upkeep.Upkeep, client: Any) -> list[str]:
        return []

    patch.setattr(upkeep.Upkeep, "_mend", nothing)


def _read_only_connections_are_kept(patch: pytest.MonkeyPatch) -> None:
    class Forgetful(Engine):
        @asynccontextmanager
        async def connection(self) -> AsyncIterator[Any]:
            refused: BaseException | None = None
            async with super().connection() as connection:
                try:
                    yield connection
                except asyncpg.ReadOnlySQLTransactionError as error:
                    refused = error
            if refused is not None:
                raise refused

    patch.setattr(database, "Engine", Forgetful)


def _a_lock_holds_up_everybody(patch: pytest.MonkeyPatch) -> None:
    async def all_of_them(self: Processor, items: list[Any], error: Exception) -> list[Any]:
        return items

    patch.setattr(Processor, "_go_around", all_of_them)


def _timers_wait_for_every_lock(patch: pytest.MonkeyPatch) -> None:
    async def none_of_them(self: TimerSweep, due: Any, error: Exception) -> int:
        return 0

    patch.setattr(TimerSweep, "_go_around", none_of_them)


def _what_the_schema_lacks_is_the_messages_fault(patch: pytest.MonkeyPatch) -> None:
    outage = database.is_outage

    def only_some(error: BaseException) -> bool:
        return outage(error) and not isinstance(error, asyncpg.UndefinedTableError)

    for module in (processing, commands):
        patch.setattr(module, "is_outage", only_some)


def _a_missing_stream_of_others_is_nothing(patch: pytest.MonkeyPatch) -> None:
    mend = upkeep.Upkeep._mend

    async def silent(self: upkeep.Upkeep, client: Any) -> list[str]:
        await mend(self, client)
        return []

    patch.setattr(upkeep.Upkeep, "_mend", silent)


def with_js(check: Callable[[Stage, JetStreamContext], Awaitable[None]]) -> Check:
    return lambda servers, stage, js, patch: check(stage, js)


def with_stage(check: Callable[[Stage], Awaitable[None]]) -> Check:
    return lambda servers, stage, js, patch: check(stage)


BUGS = [
    Bug(
        "the age of a consumer is counted from the try",
        _age_from_the_try,
        lambda servers, stage, js, patch: (
            healing.test_where_a_consumer_cannot_be_made_anew_health_says_so_and_a_restart_is_not_asked_for(
                stage, js, patch
            )
        ),
    ),
    Bug(
        "a consumer that was made anew begins with what is new",
        _consumer_from_now_on,
        with_js(healing.test_a_consumer_that_was_deleted_is_made_anew_and_nothing_is_skipped_or_handled_twice),
    ),
    Bug(
        "what was lost is published again under the id that the stream has seen",
        _same_id_again,
        with_js(healing.test_what_was_purged_is_published_again_and_what_was_handled_by_all_is_not),
    ),
    Bug(
        "a loss is noted and not made good",
        _losses_are_only_noted,
        with_js(healing.test_a_stream_that_was_deleted_is_made_anew_with_what_nobody_had_handled),
    ),
    Bug(
        "a stream that is missing is not made",
        _upkeep_sleeps,
        with_js(healing.test_a_stream_that_was_deleted_is_made_anew_with_what_nobody_had_handled),
    ),
    Bug(
        "nobody tells that a stream of another service is missing",
        _a_missing_stream_of_others_is_nothing,
        with_js(healing.test_a_missing_stream_of_another_service_is_named),
    ),
    Bug(
        "a connection to a database that is read-only is kept",
        _read_only_connections_are_kept,
        lambda servers, stage, js, patch: held_up.test_a_connection_to_a_database_that_is_read_only_is_not_used_again(
            servers
        ),
    ),
    Bug(
        "a table that is missing is taken for a fault of the message",
        _what_the_schema_lacks_is_the_messages_fault,
        lambda servers, stage, js, patch: (
            held_up.test_what_a_schema_or_a_role_lacks_is_waited_for_and_no_message_is_given_up(
                servers, "ALTER TABLE heard RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO heard"
            )
        ),
    ),
    Bug(
        "a locked row of one street holds up all streets",
        _a_lock_holds_up_everybody,
        with_stage(held_up.test_a_row_of_one_street_that_is_locked_does_not_stop_another_street),
    ),
    Bug(
        "a timer of one street that is held up holds up all streets",
        _timers_wait_for_every_lock,
        with_stage(held_up.test_timers_of_one_street_that_are_held_up_do_not_stop_those_of_another),
    ),
]


@pytest.fixture
def stage(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    monkeypatch.setattr(upkeep, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(upkeep, "REST_SECONDS", 0.05)
    monkeypatch.setattr(subscriber, "REST_SECONDS", 0.2)
    monkeypatch.setattr(stages, "PATIENCE_SECONDS", 5.0)
    patient: dict[str, Any] = {
        "database_lock_seconds": held_up.LOCK_SECONDS,
        "database_free_seconds": 1,
        "request_seconds": 3,
    }
    return lambda: probe(servers, **patient)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_a_planted_bug_is_found(
    servers: Servers, stage: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, bug: Bug
) -> None:
    bug.plant(monkeypatch)
    connection = await nats.connect(servers.addresses.nats_url)
    try:
        async with stage() as running:
            with pytest.raises(AssertionError):
                await bug.check(servers, running, connection.jetstream(), monkeypatch)
    finally:
        await connection.close()
