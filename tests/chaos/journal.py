"""What was asked of the system and what it answered, kept outside of it: append-only lines of JSON, each flushed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

ATTEMPT, ANSWER, NO_ANSWER = "attempt", "answer", "no answer"

TAKEN = range(200, 300)


@dataclass(frozen=True, slots=True)
class Entry:
    """An attempt, before it is sent, or what came of it; both have the same `id`.

    `at` is real time. `kind` is what was asked: report, claim, hand-in, give-back, check, accept, verify, feedback,
    nonsense (a request that must be refused); or poison, copy (a message that was put on the bus), surprise.
    `status` is that of HTTP, of answers only. `what` is what was asked, or what was answered.
    """

    at: datetime
    kind: str
    step: str
    id: str
    status: int | None
    what: Mapping[str, Any]

    @property
    def taken(self) -> bool:
        """Whether this is the answer that the system will stand by it."""
        return self.status is not None and self.status in TAKEN


class Journal:
    """Writes one file of the folder."""

    def __init__(self, folder: Path, name: str = "load") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{name}.jsonl").open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def attempt(self, kind: str, what: Mapping[str, Any]) -> str:
        """The id by which the answer is written down."""
        id = uuid4().hex
        self._write(kind, ATTEMPT, id, None, what)
        return id

    def answer(self, kind: str, id: str, status: int, what: Mapping[str, Any]) -> None:
        self._write(kind, ANSWER, id, status, what)

    def no_answer(self, kind: str, id: str, error: BaseException) -> None:
        """It was cut off, or did not come in time: whether the attempt took effect is unknown."""
        self._write(kind, NO_ANSWER, id, None, {"error": type(error).__name__})

    def _write(self, kind: str, step: str, id: str, status: int | None, what: Mapping[str, Any]) -> None:
        line = [datetime.now(UTC).isoformat(), kind, step, id, status, what]
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def read(folder: Path) -> list[Entry]:
    """Every entry of every journal of the folder, in the order of time. A line that was cut off is left out."""
    found: list[Entry] = []
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
        found += [Entry(datetime.fromisoformat(at), *rest) for at, *rest in whole]
    return sorted(found, key=lambda entry: entry.at)


@dataclass(frozen=True, slots=True)
class Asked:
    """An attempt and its answer; `status` None where none came."""

    kind: str
    what: Mapping[str, Any]
    status: int | None
    answer: Mapping[str, Any]

    @property
    def taken(self) -> bool:
        return self.status is not None and self.status in TAKEN


def asked(entries: list[Entry]) -> list[Asked]:
    """Attempts with what came of them, in the order of the attempts."""
    answers = {entry.id: entry for entry in entries if entry.step == ANSWER}
    pairs = [(entry, answers.get(entry.id)) for entry in entries if entry.step == ATTEMPT]
    return [
        Asked(entry.kind, entry.what, answer.status if answer else None, answer.what if answer else {})
        for entry, answer in pairs
    ]
