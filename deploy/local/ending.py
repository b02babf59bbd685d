"""How a command ends that has started servers: by itself, or when somebody wants it to."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from deploy.local.servers.machine import LocalServerFailure

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Somebody wants the run to end. Of this kind, because asyncio keeps any other exception of a signal handler that
    comes in one of its callbacks to itself."""


Handler = Callable[[int, FrameType | None], None]


@contextmanager
def taken(handler: Handler) -> Iterator[None]:
    """Ctrl-C and its like go to the handler."""
    before = {each: signal.signal(each, handler) for each in ENDING}
    try:
        yield
    finally:
        for each, was in before.items():
            signal.signal(each, was)


def at_once(status: int) -> Handler:
    """Ends the process, and with it what it has started: the guards of servers see to that."""

    def end(number: int, frame: FrameType | None) -> None:
        os.write(1, b"Stopped.\n")
        os._exit(status)

    return end


def interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal; a second one ends it at once."""
    for each in ENDING:
        signal.signal(each, at_once(128 + number))
    raise Interrupted


def run_command(command: Callable[[], int], when_interrupted: int = 0) -> int:
    """The exit status of the command; a failure is a sentence, and Ctrl-C an end without a traceback."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        with taken(interrupt):
            return command()
    except LocalServerFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    except Interrupted:
        print("Stopped.")
        return when_interrupted
