"""Commands that other systems send over NATS request/reply. As over HTTP, the answer is sent after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from pydantic import ValidationError

from libs.chassis.handlers import Done, EventRouter
from libs.chassis.handling.commands import Commands, NotTakenNow
from libs.chassis.telemetry.traces import Telemetry
from libs.contracts.cloudevents import CONTENT_TYPE, TRACEPARENT, what_is_wrong
from libs.contracts.message import Command
from libs.contracts.problem import Problem
from libs.sentences import Language

log = structlog.get_logger()

WORKERS = 256
MOST_NAMED = 100
"""Fields that a problem names: a reply has a size, too."""


def answer_over_bus(broker: NatsBroker, router: EventRouter, commands: Commands, telemetry: Telemetry) -> None:
    """Subscribe to every command that has a subject, in a queue group with the service's other replicas."""
    for command in router.bus_commands:
        subscribe = broker.subscriber(
            command.subject_pattern(), queue=router.service, max_workers=WORKERS, decoder=_undecoded
        )
        subscribe(_answerer(command, commands, telemetry))


def _answerer(
    command: type[Command], commands: Commands, telemetry: Telemetry
) -> Callable[[NatsMessage], Awaitable[NatsResponse]]:
    # One parameter only: FastStream passes the decoded body to a second one, even to one with a default.
    async def answer(message: NatsMessage) -> NatsResponse:
        return NatsResponse(await answer_to(message), headers={"content-type": CONTENT_TYPE})

    async def answer_to(message: NatsMessage) -> bytes:
        raw = message.raw_message
        try:
            wish = command.model_validate_json(raw.data)
        except ValidationError as error:
            return _problem(422, "Invalid command", what_is_wrong(error, MOST_NAMED))
        if wish.subject != raw.subject:
            return _problem(422, "Wrong subject", f"the body belongs on {wish.subject}")
        with telemetry.span(command.__name__, (raw.headers or {}).get(TRACEPARENT)) as traceparent:
            try:
                reply = await commands.send(wish, traceparent)
            except NotTakenNow as error:
                return _problem(503, "Not taken now", f"{error.why.en}; nothing was stored, send it again")
            except Exception as error:
                log.error("command_failed", kind=command.__name__, error=type(error).__name__)
                return _problem(500, "Failed", "a fault of the service, which has been logged; nothing was stored")
        if isinstance(reply, Done):
            return bytes(reply.reply.model_dump_json(), "utf-8")
        return _problem(reply.status, reply.title, reply.told(Language.EN))

    return answer


async def _undecoded(message: NatsMessage) -> bytes:
    return b""


def _problem(status: int, title: str, detail: str) -> bytes:
    return Problem.of(status, title, detail).model_dump_json().encode()
