"""What was handed in as a file: there whole, in a version of its own, and nothing of a file that was refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

import asyncpg

from deploy.local.reconciliation.check import Check
from tests.chaos.evidence import Evidence
from tests.chaos.imports import WRONG
from tests.chaos.journal import Asked

WHOLE = "every version of a list is one file that was handed in, whole, and no file is two versions"
KEPT = "every import that was answered is there, in the version that was answered"
REFUSED = "a list with a wrong cell was refused"
NAMED = "the members are named as the roster that was imported last says"
COUNTED = "the street's version counts every import that changed it once"

Rows = Mapping[str, str]
"""What a file or a version says, by category or code: the column that bears the mark."""
LISTS = {
    "responsibility-list": ("category", "standard_ref", "list_rows", "list_versions"),
    "components": ("code", "name", "inventory", "inventory_versions"),
}
"""By what was handed in: the key of a row, the column with the mark, and where rows and versions are kept."""


def about_imports(evidence: Evidence) -> list[Check]:
    wrong = [each for each in evidence.asked_for("responsibility-list") if WRONG in each.what["file"]]
    return [
        Check(WHOLE, tuple(w for kind in LISTS for w in _not_whole(evidence, kind))),
        Check(KEPT, tuple(w for kind in LISTS for w in _not_kept(evidence, kind))),
        Check(REFUSED, tuple(f"it was answered {each.status}" for each in wrong if each.taken)),
        Check(NAMED, tuple(_names_wrong(evidence))),
        Check(COUNTED, tuple(_miscounted(evidence))),
    ]


def _handed_in(evidence: Evidence, kind: str) -> list[Asked]:
    return [each for each in evidence.asked_for(kind) if WRONG not in each.what["file"]]


def _file(kind: str, asked: Asked) -> Rows:
    key, mark, *_ = LISTS[kind]
    return {row[key]: row[mark] for row in csv.DictReader(io.StringIO(asked.what["file"]))}


def _new_versions(evidence: Evidence, kind: str) -> dict[int, Rows]:
    """What each version says that came to be since the first file was handed in."""
    key, mark, rows, versions = LISTS[kind]
    asked = _handed_in(evidence, kind)
    before = min((int(each.what["onto"]) for each in asked), default=0)
    dispatch = evidence.found["dispatch"]
    new = sorted(row["version"] for row in dispatch[versions] if row["version"] > before) if asked else []
    return {v: {row[key]: row[mark] for row in dispatch[rows] if _is_of(row, v)} for v in new}


def _is_of(row: asyncpg.Record, version: int) -> bool:
    return bool(row["version"] <= version and (row["until"] is None or row["until"] > version))


def _not_whole(evidence: Evidence, kind: str) -> Iterator[str]:
    versions = _new_versions(evidence, kind)
    files = _distinct([_file(kind, each) for each in _handed_in(evidence, kind)])
    for version, rows in versions.items():
        if rows not in files:
            yield f"version {version} of {kind} is no file that was handed in: {sorted(set(rows.values()))}"
    for file in files:
        if len(same := [version for version, rows in versions.items() if rows == file]) > 1:
            yield f"the versions {same} of {kind} are one file"
    if (numbers := list(versions)) and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield f"the versions of {kind} are {numbers}"


def _distinct(files: Sequence[Rows]) -> list[Rows]:
    return [file for n, file in enumerate(files) if file not in files[:n]]


def _not_kept(evidence: Evidence, kind: str) -> Iterator[str]:
    versions = _new_versions(evidence, kind)
    for each in _handed_in(evidence, kind):
        if each.taken and versions.get(each.answer["version"]) != _file(kind, each):
            yield f"the import of {kind} that was answered as version {each.answer['version']} is not there"


def _names_wrong(evidence: Evidence) -> Iterator[str]:
    taken = [each for each in evidence.asked_for("roster") if each.taken]
    named = {row["member_id"]: row["name"] for row in evidence.found["dispatch"]["members"]}
    for member_id, name in (taken[-1].what["names"] if taken else {}).items():
        if named.get(member_id) != name:
            yield f"member {member_id} is {named.get(member_id)}, and {name} was imported"


def _miscounted(evidence: Evidence) -> Iterator[str]:
    for begun in evidence.asked_for("street"):
        rosters = {tuple(sorted(e.what["names"].items())) for e in evidence.asked_for("roster")}
        made = len(_new_versions(evidence, "responsibility-list")) + len(rosters)
        [now] = evidence.found["dispatch"]["street"]
        if now["version"] != begun.what["version"] + made:
            yield f"the street has version {now['version']}, had {begun.what['version']}, and {made} imports changed it"
