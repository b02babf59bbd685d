"""The HTTP side of every service: problem+json (RFC 9457), limits, health, metrics, and how a route runs a command."""

from __future__ import annotations

import asyncio
import json
import math
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Annotated, Any
from urllib.parse import parse_qsl

import structlog
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from libs.chassis.db.database import Database, is_outage, reason_of, transaction
from libs.chassis.handlers import Answer, Done, Refused
from libs.chassis.handling.commands import NotTakenNow, why_not_now
from libs.chassis.telemetry.failures import Failures
from libs.chassis.telemetry.metrics import REQUEST_SECONDS
from libs.contracts.cloudevents import TRACEPARENT
from libs.contracts.message import Tenant
from libs.contracts.problem import TITLES, Problem
from libs.contracts.values import with_nul, without_hidden
from libs.sentences import Language, Sentence, joined, told
from libs.validation import sentence_of

MAX_BODY_BYTES = 256 * 1024
"""Of a request, unless the service sets another limit for its path."""
PROBLEM = "application/problem+json"
RETRY_SECONDS = (2, 60)
"""What has failed for so long will as likely fail as long again: so long, within these, a client is asked to wait."""
UNREAD_SECONDS = 2.0
"""So long the rest of a body that is not wanted is read, before the connection is closed."""
TIMES_FOR_A_LIST = 10
"""A path with a limit of its own takes whole lists, and so much longer to answer."""

OfStreet = Annotated[Tenant, Query(description="The street's 9-digit code.", examples=["370784004"])]
"""Which street a request is about."""

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


NO_NUL = PydanticCustomError("no_nul", "a text holds the character U+0000")


class Body(BaseModel):
    """What a request brings. A field that is not ours is refused by its name: who sends it means something by it.

    Words that people type are read by others in lists, mails and sheets: what is hidden in them is taken out here, and
    what no database can hold is refused.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _shown(cls, sent: Any) -> Any:
        shown = without_hidden(sent)
        if wrong := [InitErrorDetails(type=NO_NUL, loc=path, input=None) for path in with_nul(shown)]:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return shown


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


def language_of(scope: Scope) -> Language:
    """The language that whoever asks reads (Accept-Language)."""
    header = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return Language.accepted(header.decode("latin-1"))


async def _language(request: Request) -> Language:
    return language_of(request.scope)


LanguageDep = Annotated[Language, Depends(_language)]


def problem(status: int, title: str, detail: Sentence, language: Language, **extra: Any) -> JSONResponse:
    """A refusal in somebody's language, with whatever else it says."""
    body = {**Problem.of(status, title, detail.told(language)).model_dump(), **told(extra, language)}
    if language is Language.ZH:
        body["title"] = TITLES.get(title, title)
    headers = {"content-language": str(language), "vary": "accept-language"}
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def not_found(what: Sentence) -> RefusedRequest:
    return RefusedRequest(Refused(404, "Not found", what))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedRequest)
    return _refusal(error.refused, language_of(request.scope))


def _refusal(r: Refused, language: Language) -> JSONResponse:
    return problem(r.status, r.title, r.detail, language, **r.extra)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    language = language_of(request.scope)
    wrong = [(".".join(str(part) for part in each["loc"]), sentence_of(each)) for each in error.errors()]
    errors = [{"field": field, "wrong": sentence} for field, sentence in wrong]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return problem(400, "Not JSON", NOT_JSON, language, errors=errors)
    detail = joined((Sentence(f"{field}：{said.zh}", f"{field}: {said.en}") for field, said in wrong), "; ")
    return problem(422, "Invalid request", detail, language, errors=errors)


NOT_JSON = Sentence(
    "请求内容必须是 UTF-8 编码的 JSON（RFC 8259），嵌套不能过深，数字不能过长。",
    "The body must be JSON (RFC 8259) in UTF-8, neither nested too deeply nor with numbers of thousands of digits.",
)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title, path = str(error.detail), request.url.path
    detail = Sentence(TITLES.get(title, title), title)
    if error.status_code == 400:
        return problem(400, "Not JSON", NOT_JSON, language_of(request.scope))
    methods = _methods_at(request) if error.status_code == 405 else []
    if methods:
        detail = Sentence(f"{path} 可用的方法：{'、'.join(methods)}", f"{path} takes {', '.join(methods)}")
    elif error.status_code == 404:
        detail = Sentence(f"没有 {path} 这个地址", f"there is nothing at {path}")
    answer = problem(error.status_code, title, detail, language_of(request.scope))
    if methods:
        answer.headers["allow"] = ", ".join(methods)
    return answer


def _methods_at(request: Request) -> list[str]:
    routes = [route for route in request.app.routes if isinstance(route, APIRoute)]
    return sorted({m for r in routes if r.matches(request.scope)[0] is not Match.NONE for m in r.methods or ()})


async def _not_taken(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NotTakenNow)
    return _not_now(error.why, error.failing_seconds, language_of(request.scope))


def _not_now(why: Sentence, failing_seconds: float, language: Language) -> JSONResponse:
    detail = Sentence(
        f"{why.zh}；什么也没有保存，请稍后用同一个 Idempotency-Key 再试。",
        f"{why.en}; nothing was stored, please send it again with the same key.",
    )
    return _later("Not taken now", detail, failing_seconds, language)


def _too_late(failing_seconds: float, language: Language) -> JSONResponse:
    detail = Sentence(
        "未能及时答复，是否已保存尚不清楚，请稍后用同一个 Idempotency-Key 再试。",
        "No answer in time; whether it was stored is not known, please send it again with the same key.",
    )
    return _later("Not answered in time", detail, failing_seconds, language)


def _later(title: str, detail: Sentence, failing_seconds: float, language: Language) -> JSONResponse:
    least, most = RETRY_SECONDS
    answer = problem(503, title, detail, language)
    answer.headers["retry-after"] = str(min(most, max(least, math.ceil(failing_seconds))))
    return answer


def _answer_to(error: Exception, failing_seconds: float, language: Language) -> JSONResponse:
    """To an error that nothing else has answered."""
    if isinstance(error, RefusedRequest):
        return _refusal(error.refused, language)
    if is_outage(error):
        return _not_now(why_not_now(error), failing_seconds, language)
    # Without the text of the error, which may hold what somebody wrote.
    where = [f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(error.__traceback__)[-5:]]
    log.error("request_failed", reason=reason_of(error), where=where)
    detail = Sentence(
        "这是服务的故障，已记入日志；什么也没有保存。",
        "This is a fault of the service and has been logged; nothing was stored.",
    )
    return problem(500, "Failed", detail, language)


class RequestMiddleware:
    """ASGI middleware around everything else.

    It refuses a body that is too large before anything reads it, answers 503 where the answer would take too long,
    answers what nobody caught, so that the server need not close the connection, and measures by route template.
    """

    def __init__(
        self, app: App, service: str, body_bytes: Mapping[str, int], seconds: float, failures: Failures
    ) -> None:
        self._app = app
        self._service = service
        self._body_bytes = body_bytes
        self._seconds = seconds
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        most = self._body_bytes.get(scope["path"], MAX_BODY_BYTES)
        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        seconds = self._seconds * (TIMES_FOR_A_LIST if scope["path"] in self._body_bytes else 1)
        body_bytes, read, answered = 0, False, False

        async def measured(message: MutableMapping[str, Any]) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                if not read:
                    # The server closes a connection on which more of a body may come, and must say so.
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal body_bytes, read
            message = await receive()
            read = not message.get("more_body", False)
            body_bytes += len(message.get("body", b""))
            if body_bytes > most:
                raise RefusedRequest(_too_large(most))
            return message

        read = length == b"0" and not any(name == b"transfer-encoding" for name, _ in scope["headers"])
        try:
            async with asyncio.timeout(seconds) as limit:
                if length.isdigit() and int(length) > most:
                    raise RefusedRequest(_too_large(most))
                await self._app(scope, bounded, measured)
        except Exception as error:
            if answered:
                raise
            failing_seconds = self._failures.seconds("database")
            language = language_of(scope)
            late = limit.expired()
            answer = _too_late(failing_seconds, language) if late else _answer_to(error, failing_seconds, language)
            # A connection that is closed while its client still writes is reset, and the answer lost.
            with suppress(TimeoutError):
                async with asyncio.timeout(UNREAD_SECONDS):
                    while not read:
                        read = not (await receive()).get("more_body", False)
            await answer(scope, receive, measured)
        route = getattr(scope.get("route"), "path", "unmatched")
        REQUEST_SECONDS.labels(self._service, route, str(status)).observe(time.perf_counter() - started)


def _too_large(most: int) -> Refused:
    kib = most // 1024
    return Refused(413, "Too large", Sentence(f"请求最多 {kib} KiB。", f"A request may have {kib} KiB at most."))


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


def refuse_unknown_parameters(route: APIRoute) -> None:
    """A query parameter that the route does not have, or that is said twice, is refused by its name."""
    inner = route.handle

    @cache
    def known() -> Mapping[str, bool]:
        """By name, whether it may be said more than once."""
        paths = get_openapi(title="", version="", routes=[route])["paths"].values()
        described = [each for path in paths for operation in path.values() for each in operation.get("parameters", ())]
        return {each["name"]: '"array"' in json.dumps(each["schema"]) for each in described if each["in"] == "query"}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"] and scope["method"] in (route.methods or ()):
            asked = Counter(name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), True))
            wrong = [("extra_forbidden", name) for name in asked if name not in known()]
            wrong += [
                ("said_twice", name) for name, times in asked.items() if times > 1 and not known().get(name, True)
            ]
            if wrong:
                raise RequestValidationError([{"type": kind, "loc": ("query", name)} for kind, name in wrong])
        await inner(scope, receive, send)

    # Not its app, which a route that reads its requests by itself goes around.
    route.handle = answer  # type: ignore[method-assign]


def install(app: FastAPI, service: str, body_bytes: Mapping[str, int], seconds: float, failures: Failures) -> None:
    """Add the error answers, the limits and `/metrics`.

    `body_bytes`: other limits of the body, by path; `seconds`: the longest wait for an answer.
    """
    app.openapi = partial(described, app)  # type: ignore[method-assign]
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            refuse_unknown_parameters(route)
    app.add_exception_handler(RefusedRequest, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(NotTakenNow, _not_taken)
    app.add_middleware(RequestMiddleware, service=service, body_bytes=body_bytes, seconds=seconds, failures=failures)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest().decode(), media_type=CONTENT_TYPE_LATEST)
