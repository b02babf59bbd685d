"""What can be wrong with the machine, in the words of a person: no space, a folder in use, a port that is taken."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIN_FREE_BYTES = 500_000_000


class LocalServerFailure(Exception):
    """The local servers cannot run; the argument says in a person's words why, and what to do."""


def refuse_full_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise LocalServerFailure(
            f"The disk of {folder} has {free // 1_000_000} MB left and {MIN_FREE_BYTES // 1_000_000} MB are "
            "needed. Free some space, or use a folder on another disk."
        )


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keeps a second run off the folder. The system opens the lock when this process ends, however it does."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalServerFailure(
                f"Another run, process {lock.read().strip() or 'unknown'}, is using {folder}. "
                "Stop it (Ctrl-C in its terminal), or use another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def explained_system_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        advice = "Run as the user who owns it, or use another folder."
        if reason.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Free some space, or use a folder on another disk."
        where = reason.filename or folder
        raise LocalServerFailure(f"{where} cannot be used: {reason.strerror}. {advice}") from None


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_handed_out: set[int] = set()
"""Who was given a port opens it later: of eighty that a chaos run needs two would be the same in one run of seven."""


def free_port() -> int:
    """Below the range that systems use for outgoing connections: a client that tries to reach a stopped server
    again and again would otherwise at last connect to itself and so hold the server's port."""
    ports = random.sample(range(15_000, 32_000), 1_000)
    port = next(port for port in ports if port not in _handed_out and is_free(port))
    _handed_out.add(port)
    return port


def usual_port(port: int | None) -> int:
    """That port where there is one and it is free, else another."""
    return port if port is not None and is_free(port) else free_port()
