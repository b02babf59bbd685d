"""A file of components, read with every wrong cell named: its lines by themselves, then by the street."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from libs.sentences import Language, Sentence
from libs.sheets import forms, geojson, workbook
from libs.sheets.forms import Found, Rest
from libs.sheets.mistakes import Mistake, Mistaken, Where
from libs.sheets.workbook import OVER_HTTP, Limits, Sheet
from services.dispatch.components.domain.inventory import Component
from services.dispatch.components.forms import FORM, Entry
from services.dispatch.street.domain.street import Street


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """The components of a file, and what whoever imports them should know of how it was read."""

    components: list[Component]
    remarks: list[Sentence]


def read(content: bytes, street: Street, sheet: str | None = None, limits: Limits = OVER_HTTP) -> ComponentFile:
    """The components of a CSV, XLSX or GeoJSON file. `sheet`: the one that is meant, where several might be.

    Raises Mistaken with everything that is wrong.
    """
    book = geojson.read(content, limits) if geojson.is_map(content) else workbook.read(content, limits)
    chosen = forms.choose(book, FORM, sheet)
    if isinstance(chosen, Mistake):
        raise Mistaken([chosen])
    found = forms.read(book, chosen, FORM)
    if not found.lines and not found.mistakes:
        found.mistakes.append(Mistake(Where("", chosen.lines[-1].number + 1), None, NONE))
    titles = _titles(chosen)
    organisations = _Organisations(street)
    mistakes = [*found.mistakes, *_twice(found, titles), *_unknown(found.rests, organisations, titles)]
    components = []
    for entry, unit in zip(found.lines, _units(street, found.lines), strict=True):
        org_id = organisations.id_of(entry.org_id)
        if isinstance(org_id, Sentence):
            mistakes.append(Mistake(entry.where, titles["org_id"], org_id, FORM.columns["org_id"].right))
        if isinstance(unit, Sentence):
            mistakes.append(Mistake(entry.where, titles["longitude"], unit, INSIDE))
        if not isinstance(org_id, Sentence) and not isinstance(unit, Sentence):
            components.append(_component(entry, unit, org_id))
    if mistakes:
        raise Mistaken(sorted(mistakes, key=lambda each: each.where.number or 0))
    return ComponentFile(components, found.remarks)


NONE = Sentence("没有任何部件", "there are no components")
INSIDE = Sentence("WGS84 坐标，在街道边界内", "a point of WGS84 within the borders of the street")


def _titles(sheet: Sheet) -> Mapping[str, str]:
    """What the file calls each of our columns."""
    header = forms.header_of(sheet, FORM)
    if header is None:
        return {}
    return {column: title for title, column in zip(header.line.cells, header.columns, strict=True) if column}


def _component(entry: Entry, unit: str, org_id: str | None) -> Component:
    return Component(entry.code, entry.kind, entry.name, entry.longitude, entry.latitude, unit, org_id, entry.state)


def _twice(found: Found[Entry], titles: Mapping[str, str]) -> Iterator[Mistake]:
    """Codes that stand there again, in lines that are otherwise wrong too."""
    first: dict[str, Where] = {}
    codes = [(each.where, each.code) for each in found.lines]
    codes += [(each.where, each.cells["code"]) for each in found.rests if "code" in each.cells]
    for where, code in sorted(codes, key=lambda each: each[0].number or 0):
        other = first.setdefault(code, where)
        if other is not where:
            zh, en = f"{other.told(Language.ZH)}已有 {code}", f"{code} is in {other} already"
            yield Mistake(where, titles["code"], Sentence(zh, en), FORM.columns["code"].right)


def _unknown(rests: Sequence[Rest], organisations: _Organisations, titles: Mapping[str, str]) -> Iterator[Mistake]:
    """Organisations that a street does not have, in lines that are wrong in themselves."""
    for rest in rests:
        org_id = organisations.id_of(rest.cells.get("org_id"))
        if isinstance(org_id, Sentence):
            yield Mistake(rest.where, titles["org_id"], org_id, FORM.columns["org_id"].right)


def _units(street: Street, entries: Sequence[Entry]) -> Iterator[str | Sentence]:
    """The code of the unit that each stands in, or why it stands in none."""
    points = [(entry.longitude, entry.latitude) for entry in entries]
    for entry, located in zip(entries, street.units.map.locate(points), strict=True):
        at = f"{entry.longitude}, {entry.latitude}"
        if located is None:
            yield Sentence(f"{at} 在街道边界以外", f"{at} lies outside of the borders of the street")
        elif located.metres:
            unit, metres = street.units.unit(located.unit), f"{located.metres:.1f}"
            yield Sentence(
                f"{at} 在街道边界以外，距{unit.name} {metres} 米",
                f"{at} lies outside of the borders of the street, {metres} m from {unit.name} ({unit.code})",
            )
        else:
            yield street.units.unit(located.unit).code


class _Organisations:
    """The organisations of a street that answer for a unit of it now, by id and by name."""

    def __init__(self, street: Street) -> None:
        self._names = street.org_names
        self._ids: dict[str, list[str]] = {}
        for org_id, name in self._names.items():
            self._ids.setdefault(name, []).append(org_id)

    def id_of(self, cell: str | None) -> str | Sentence | None:
        if cell is None or cell in self._names:
            return cell
        ids = self._ids.get(cell, [])
        if len(ids) == 1:
            return ids[0]
        if ids:
            zh, en = "、".join(ids), " and ".join(ids)
            return Sentence(f"有多个组织叫“{cell}”：{zh}，请写编号", f"{cell!r} is the name of {en}: give the id")
        return Sentence(
            f"本街道没有组织“{cell}”，或已撤销", f"{cell!r} is no organisation of the street, or is one no more"
        )
