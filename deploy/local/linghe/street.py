"""The demonstration street as values, and the folder of files that `wangge roster import` reads."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deploy.local.linghe.grid_map import GridUnit, build_units
from deploy.local.linghe.members import Member, PartyOrg, build_members, build_organisations

LINGHE = Path(__file__).parent
RESPONSIBILITY = LINGHE / "responsibility.csv"
BY_HAND = (RESPONSIBILITY, LINGHE / "places.csv", LINGHE / "routing_rules.csv")


@dataclass(frozen=True, slots=True)
class Street:
    units: tuple[GridUnit, ...]
    organisations: tuple[PartyOrg, ...]
    members: tuple[Member, ...]


def build(seed: int = 370784004) -> Street:
    """The same street for the same seed, on every machine."""
    rng = Random(seed)
    units = build_units(rng)
    return Street(units, build_organisations(units), build_members(units, rng))


def write(street: Street, folder: Path) -> None:
    """Writes units.geojson, organisations.csv and members.csv, and copies of the files that are made by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    geojson = json.dumps(_feature_collection(street.units), ensure_ascii=False, separators=(",", ":"))
    (folder / "units.geojson").write_text(geojson + "\n", encoding="utf-8")
    _write_csv(
        folder / "organisations.csv",
        ("org_id", "kind", "unit", "name"),
        ((org.org_id, org.kind, org.unit, org.name) for org in street.organisations),
    )
    _write_csv(folder / "members.csv", _MEMBER_COLUMNS, map(_member_row, street.members))
    for file in BY_HAND:
        shutil.copyfile(file, folder / file.name)


_MEMBER_COLUMNS = (
    "member_id",
    "name",
    "kind",
    "unit",
    "org_id",
    "skills",
    "workload_limit",
    "email",
    "language",
)


def _member_row(member: Member) -> tuple[object, ...]:
    return (
        member.member_id,
        member.name,
        member.kind,
        member.unit,
        member.org_id,
        ";".join(member.skills),
        member.workload_limit,
        member.email,
        member.language,
    )


def _feature_collection(units: Iterable[GridUnit]) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": [_feature(unit) for unit in units]}


def _feature(unit: GridUnit) -> dict[str, object]:
    return {
        "type": "Feature",
        "properties": {
            "code": unit.code,
            "level": unit.level,
            "parent": unit.parent,
            "name": unit.name,
            "aliases": unit.aliases,
            "synthetic": True,
        },
        "geometry": {"type": "Polygon", "coordinates": [unit.ring]} if unit.ring else None,
    }


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
