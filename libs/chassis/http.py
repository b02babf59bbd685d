"""The HTTP side of every service: problem+json (RFC 9457), limits, health, metrics, and how a route runs a command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from libs.chassis.db.database import Database, is_outage, transaction
from libs.chassis.handlers import Answer, Done, Refused
from libs.chassis.handling.commands import NotTakenNow
from libs.chassis.telemetry.metrics import REQUEST_SECONDS
from libs.contracts.cloudevents import TRACEPARENT
from libs.contracts.message import Tenant
from libs.contracts.problem import Problem

MAX_BODY_BYTES = 256 * 1024
"""Of a request, unless the service sets another limit for its path."""
PROBLEM = "application/problem+json"

OfStreet = Annotated[Tenant, Query(description="The street's 9-digit code.", examples=["370784004"])]
"""Which street a request is about."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RefusedRequest(Exception):
    """Raised in a route: the client gets the refusal as a problem."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


class CommandClient:
    """Sends a request's commands; each is answered after its commit."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def send(self, command: Any) -> Any:
        """The reply to the command. Raises RefusedRequest, which the client sees as a problem."""
        state = self._request.app.state
        with state.telemetry.span(type(command).__name__, self._request.headers.get(TRACEPARENT)) as traceparent:
            answer = await state.commands.send(command, traceparent)
        if isinstance(answer, Done):
            return answer.reply
        raise RefusedRequest(answer)

    async def send_all(self, commands: Sequence[Any]) -> list[Answer]:
        """An answer for each command of one type, refusals among them; they are committed together."""
        state = self._request.app.state
        if not commands:
            return []
        with state.telemetry.span(type(commands[0]).__name__, self._request.headers.get(TRACEPARENT)) as traceparent:
            return list(await asyncio.gather(*(state.commands.send(each, traceparent) for each in commands)))


async def _command_client(request: Request) -> CommandClient:
    # Async although it awaits nothing: FastAPI runs a plain function in a thread.
    return CommandClient(request)


async def _database(request: Request) -> AsyncIterator[Database]:
    async with transaction(request.app.state.engine) as db:
        yield db


CommandsDep = Annotated[CommandClient, Depends(_command_client)]
DatabaseDep = Annotated[Database, Depends(_database)]


def problem(status: int, title: str, detail: str, **extra: Any) -> JSONResponse:
    body = {**Problem.of(status, title, detail).model_dump(), **extra}
    headers = {"retry-after": "1"} if status == 503 else None
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def not_found(what: str) -> RefusedRequest:
    return RefusedRequest(Refused(404, "Not found", what))


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedRequest)
    r = error.refused
    return problem(r.status, r.title, r.detail, **r.extra)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(str(p) for p in e["loc"]), "wrong": e["msg"]} for e in error.errors()]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return problem(400, "Not JSON", "The body must be JSON (RFC 8259).", errors=errors)
    return problem(422, "Invalid request", "; ".join(f"{e['field']}: {e['wrong']}" for e in errors), errors=errors)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), str(error.detail))


async def _not_taken(_: Request, error: Exception) -> JSONResponse:
    return problem(503, "Not taken now", f"{error}; nothing was stored, please send it again with the same key.")


async def _failed(request: Request, error: Exception) -> JSONResponse:
    if is_outage(error):
        return await _not_taken(request, NotTakenNow("the database cannot be reached"))
    return problem(500, "Failed", "This is a fault of the service and has been logged; nothing was stored.")


class RequestMiddleware:
    """ASGI middleware: refuses a body that is too large before anything reads it, and measures by route template."""

    def __init__(self, app: App, service: str, body_bytes: Mapping[str, int]) -> None:
        self._app = app
        self._service = service
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        most = self._body_bytes.get(scope["path"], MAX_BODY_BYTES)
        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        body_bytes = 0

        async def measured(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal body_bytes
            message = await receive()
            body_bytes += len(message.get("body", b""))
            if body_bytes > most:
                raise RefusedRequest(_too_large(most))
            return message

        if length.isdigit() and int(length) > most:
            r = _too_large(most)
            await problem(r.status, r.title, r.detail)(scope, receive, measured)
        else:
            await self._app(scope, bounded, measured)
        route = getattr(scope.get("route"), "path", "unmatched")
        REQUEST_SECONDS.labels(self._service, route, str(status)).observe(time.perf_counter() - started)


def _too_large(most: int) -> Refused:
    return Refused(413, "Too large", f"A request may have {most // 1024} KiB at most.")


REFUSAL = {
    "description": "A refusal, or a fault: what is wrong, and what would be right (RFC 9457).",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with a problem as the default answer of every operation."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        problem = {**Problem.model_json_schema(), "additionalProperties": True}
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(unused, None)
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = REFUSAL
        app.openapi_schema = schema
    return app.openapi_schema


def install(app: FastAPI, service: str, body_bytes: Mapping[str, int]) -> None:
    """Add the error answers, the body limit and `/metrics`. `body_bytes`: other limits of the body, by path."""
    app.openapi = partial(described, app)  # type: ignore[method-assign]
    app.add_exception_handler(RefusedRequest, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(NotTakenNow, _not_taken)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(RequestMiddleware, service=service, body_bytes=body_bytes)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest().decode(), media_type=CONTENT_TYPE_LATEST)
