"""pytest in forks of one process that has imported everything but the services."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NoReturn

import pytest

HEAVY = ("hypothesis", "shapely", "sqlmodel", "fastapi", "faststream.nats", "openpyxl", "chinese_calendar", "httpx")
ALREADY_IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
ARGUMENTS = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *ALREADY_IMPORTED)


@dataclass
class Tests:
    """Which tests run through which line, and how long each takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    by_line: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    by_file: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def all(self) -> list[str]:
        return sorted(self.seconds, key=lambda test: self.seconds[test])

    def nearest_first(self, file: str, line: int) -> list[str]:
        """All tests: those that run through the line, then through the file, the quickest of each first.

        The others come last and are not left out: what one test has made and cached is used by the next ones.
        """
        through, of_file = self.by_line.get((file, line), set()), self.by_file.get(file, set())
        return sorted(self.all, key=lambda test: (test not in through, test not in of_file))


class Recorder:
    """A plugin of pytest that notes the lines of pure files which each test runs through."""

    def __init__(self, root: Path) -> None:
        self._pure: dict[str, bool] = {}
        self._services = str(root / "services")
        self._test = ""
        self.tests = Tests()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._test, begun = item.nodeid.split("[")[0], time.monotonic()
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.tests.seconds[self._test] = self.tests.seconds.get(self._test, 0) + time.monotonic() - begun

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self._pure:
            inside = file.startswith(self._services)
            self._pure[file] = inside and "domain" in Path(file).with_suffix("").parts
        if not self._pure[file]:
            return None
        self.tests.by_file[file].add(self._test)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.tests.by_line[frame.f_code.co_filename, frame.f_lineno].add(self._test)
        return self._line


def preload() -> None:
    for name in HEAVY:
        importlib.import_module(name)
    early = [name for name in sys.modules if name.startswith("services.")]
    assert not early, f"these would stay unchanged: {early}"


def record(files: Sequence[str], root: Path) -> Tests:
    """Runs the tests of the files once. Raises SystemExit when they fail without any change."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        recorder = Recorder(root)
        status = _quietly([*ARGUMENTS, *files], [recorder])
        tests = recorder.tests
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump((status, tests.seconds, dict(tests.by_line), dict(tests.by_file)), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        status, seconds, by_line, by_file = pickle.load(pipe)
    os.waitpid(pid, 0)
    if status != 0:
        raise SystemExit("The unit tests fail as they are: `make test` says which.")
    return Tests(seconds, by_line, by_file)


def replace(path: str, source: bytes) -> None:
    """From here on an import of the file gives this source."""
    as_on_disk = SourceFileLoader.get_code

    def get_code(loader: Any, name: str) -> CodeType | None:
        return compile(source, path, "exec") if loader.path == path else as_on_disk(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]  # a loader of files only


def run(tests: Sequence[str]) -> NoReturn:
    """Ends this process: with 0 when all pass, that is when nothing is noticed."""
    os._exit(_quietly([*ARGUMENTS, *tests], []))


def _quietly(arguments: Sequence[str], plugins: Sequence[object]) -> int:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        return int(pytest.main(list(arguments), plugins=plugins))
    except BaseException:  # noqa: BLE001  whatever a change brings about is noticed
        return 1
