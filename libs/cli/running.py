"""Runs a command, and reports its errors as a sentence and an exit code instead of a traceback."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import typer

P = ParamSpec("P")
T = TypeVar("T")

FAILED, WRONG_USE = 1, 2


class Refusal(Exception):
    """The command cannot do what it was asked; the text is a sentence for the operator."""

    exit_code = FAILED


class WrongUse(Refusal):
    """The command line, or an environment variable that the command needs, is wrong."""

    exit_code = WRONG_USE


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def report_errors(command: Callable[P, T]) -> Callable[P, T]:
    """A decorator: wrong settings and wrong use end a command with 2, refusals and outages with 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except Refusal as refusal:
            print(refusal, file=sys.stderr)
            raise typer.Exit(refusal.exit_code) from None
        except _wrong_settings() as error:
            print(_sentences(error), file=sys.stderr)
            raise typer.Exit(WRONG_USE) from None
        except _outages() as error:
            print(_reason(error), file=sys.stderr)
            raise typer.Exit(FAILED) from None

    return wrapped


# Called only after an error, so that a command does not import what it does not use.
def _wrong_settings() -> type[Any]:
    from pydantic import ValidationError

    return ValidationError


def _outages() -> tuple[type[BaseException], ...]:
    from asyncpg import PostgresError
    from nats.errors import Error

    from libs.chassis.db.database import CONNECTION_ERRORS
    from libs.chassis.messaging.jetstream_api import ApiError

    return (*CONNECTION_ERRORS, Error, PostgresError, ApiError)


SENTENCES = {
    "28P01": "refuses the user or the password",
    "28000": "refuses the user",
    "3D000": "has no database of that name",
    "42501": "does not let this user do that",
    "42P01": "has no tables yet: `wangge migrate` makes them",
    "42703": "has tables of another version: `wangge migrate` brings them up to date",
    "25006": "is read-only: it may be a standby, or protect its disk",
    "53300": "has no connection left",
    "57P03": "is just starting, or shutting down",
}
"""What a database says no with, by SQLSTATE."""


def asked_at(error: BaseException, url: str, variable: str) -> None:
    """Note on an error which server it comes from, and which setting says where that is."""
    servers = ", ".join(urlsplit(each).netloc.rpartition("@")[2] or each for each in url.split(","))
    error.add_note(f"{servers} ({variable})")


def _reason(error: BaseException) -> str:
    """A sentence, without the statement and its values, which may be personal."""
    server = getattr(error, "__notes__", ["the server"])[0]
    if said := SENTENCES.get(getattr(error, "sqlstate", None) or ""):
        return f"{server} {said}."
    if isinstance(error, TimeoutError):
        return f"{server} does not answer in time."
    if isinstance(error, OSError) or type(error).__name__ == "NoServersError":
        return f"Nothing answers at {server}: is it running there, and is the address right?"
    if type(error).__name__ == "AuthorizationError":
        return f"{server} refuses the user or the password."
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _sentences(error: Any) -> str:
    """A line for each variable, without its value, which may be a secret."""
    from libs.validation import sentence_of

    lines = []
    for each in error.errors(include_input=False, include_url=False):
        field = str(each["loc"][0]) if each["loc"] else "settings"
        name = field if field.startswith("WANGGE_") else f"WANGGE_{field.upper()}"
        lines.append(f"{name} is not set." if each["type"] == "missing" else f"{name} is wrong: {sentence_of(each)}.")
    return "\n".join(lines)
