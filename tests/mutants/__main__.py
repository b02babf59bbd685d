"""`make mutants`: whether the unit tests notice small mistakes in the pure files, by a sample that a seed draws.

Each drawn change is tried in a fork of this process: the changed file is compiled in place of the one on the disk, and
one of the tests of its service must fail. Those that run through the changed line come first. No file is changed on the
disk, and changes that are known to make no difference are kept in a list with the reasons (equivalent.toml).
"""

from __future__ import annotations

import argparse
import ast
import os
import resource
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.mutants import forks
from tests.mutants.changes import Change, changes
from tests.mutants.forks import Tests

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
SERVICES = ("dispatch", "incident", "scoring", "notify")
LEAST_SHARE = 0.95
CPU_SECONDS = 120
"""A change that takes longer runs for ever, which counts as noticed. Of processor time: other load does not matter."""


@dataclass(frozen=True, slots=True)
class Mutant:
    service: str
    file: str
    change: Change

    @property
    def key(self) -> tuple[str, str, str]:
        """By which an equivalent change is known, wherever its file and line have gone."""
        return self.service, self.change.function, self.change.words

    def __str__(self) -> str:
        return f"{self.file}:{self.change.line} {self.change.function}: {self.change.words}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="how many changes are drawn")
    parser.add_argument("--only", default="", help="changes whose file contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    everything = [each for service in SERVICES for each in mutants(service) if chosen.only in each.file]
    drawn = Random(chosen.seed).sample(everything, min(chosen.count, len(everything)))
    known = equivalent()
    tried = [each for each in drawn if each.key not in known]
    print(
        f"{len(drawn)} of {len(everything)} changes, seed {chosen.seed}; {len(drawn) - len(tried)} are equivalent.",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        # Else the examples that fail for a changed file would be tried first in every later run of the tests.
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        forks.preload()
        unnoticed = try_all(tried, chosen.jobs)
    for each in unnoticed:
        print(f"not noticed: {each}")
    share = 1 - len(unnoticed) / len(tried) if tried else 1.0
    print(f"{len(tried) - len(unnoticed)} of {len(tried)} changes that can be seen are noticed: {share:.1%}.")
    return 0 if share >= LEAST_SHARE else 1


def mutants(service: str) -> list[Mutant]:
    """Of every pure file: one that is called domain.py, or lies in a folder domain."""
    files = sorted((ROOT / "services" / service).rglob("*.py"))
    return [
        Mutant(service, str(file.relative_to(ROOT)), change)
        for file in files
        if "domain" in file.relative_to(ROOT).with_suffix("").parts
        for change in changes(file.read_text(encoding="utf-8"))
    ]


def equivalent() -> set[tuple[str, str, str]]:
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    return {(each["service"], each["function"], each["change"]) for each in listed}


def try_all(tried: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Those that no test noticed."""
    tests = {}
    for service in sorted({each.service for each in tried}):
        begun = time.monotonic()
        tests[service] = forks.record(tests_of(service), ROOT)
        print(f"{service}: {len(tests[service].all)} tests, {time.monotonic() - begun:.0f} s", flush=True)
    unnoticed: list[Mutant] = []
    running: dict[int, Mutant] = {}
    waiting = list(reversed(tried))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(mutant, tests)] = mutant
        pid, status = os.wait()
        mutant = running.pop(pid)
        if status == 0:
            unnoticed.append(mutant)
            print(f"  not noticed: {mutant}", flush=True)
    return sorted(unnoticed, key=str)


def _start(mutant: Mutant, tests: Mapping[str, Tests]) -> int:
    path = ROOT / mutant.file
    source = mutant.change.applied(path.read_bytes())
    chosen = tests[mutant.service].nearest_first(str(path), mutant.change.line)
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        forks.replace(str(path), source)
        forks.run(chosen)
    return pid


def tests_of(service: str) -> list[str]:
    """The files of unit tests that import the service, themselves or through what they import of the tests."""
    imports = {file: set(_imports(file)) for file in (ROOT / "tests").rglob("*.py")}
    reaching = {
        file for file, names in imports.items() if any(name.startswith(f"services.{service}.") for name in names)
    }
    while True:
        modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in reaching}
        more = {file for file, names in imports.items() if names & modules} - reaching
        if not more:
            break
        reaching |= more
    unit = ROOT / "tests" / "unit"
    return sorted(str(file) for file in reaching if file.is_relative_to(unit) and file.name.startswith("test_"))


def _imports(file: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{each.name}" for each in node.names)
            yield node.module


if __name__ == "__main__":
    sys.exit(main())
