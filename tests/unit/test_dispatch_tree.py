"""The packed grid tree gives back what was put in, and a change of some units is a new tree."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from libs.contracts.values import Level
from services.dispatch.grid.domain.tree import GridTree, Packed, as_array, pack
from tests.support.small_street import BORDERS, ROOT, STREET, UNITS

TREE = GridTree.of(UNITS, BORDERS)
NOWHERE = as_array([None])
ORDERED = sorted(UNITS, key=lambda unit: unit.code)


def test_every_unit_comes_back_as_it_was_put_in() -> None:
    assert {code: TREE[code] for code in TREE} == {unit.code: unit for unit in UNITS}
    assert len(TREE) == len(UNITS)


@pytest.mark.parametrize("code", ["", "1", f"{ROOT}99", f"{ROOT}2010", "999999999", "9" * 30])
def test_a_code_that_no_unit_has_is_not_found(code: str) -> None:
    assert code not in TREE
    assert TREE.get(code) is None


def test_the_lower_code_has_the_lower_index() -> None:
    assert [TREE.unit(index).code for index in range(len(TREE))] == sorted(unit.code for unit in UNITS)


@pytest.mark.parametrize(
    ("code", "level", "above"),
    [
        (f"{ROOT}20101", Level.MICRO_GRID, f"{ROOT}20101"),
        (f"{ROOT}20101", Level.GRID, f"{ROOT}201"),
        (f"{ROOT}20101", Level.COMMUNITY, f"{ROOT}01"),
        (f"{ROOT}20101", Level.STREET, ROOT),
        (f"{ROOT}01", Level.GRID, f"{ROOT}01"),
        (ROOT, Level.MICRO_GRID, ROOT),
    ],
)
def test_the_unit_of_a_level_lies_above_or_is_higher_already(code: str, level: Level, above: str) -> None:
    assert TREE.unit(TREE.above(TREE.index(code), level)).code == above


def test_a_renamed_unit_is_a_new_tree_with_the_same_map() -> None:
    new = replace(TREE[f"{ROOT}203"], name="新东村", aliases=("东村", "新村"))
    assert TREE.map.locate([(119.005, 36.005)])
    changed = TREE.changed(Packed.of([pack(new)], NOWHERE))
    assert changed[f"{ROOT}203"] == new
    assert TREE[f"{ROOT}203"].name == "东村"
    assert [code for code in changed if changed[code] != TREE[code]] == [f"{ROOT}203"]
    assert changed.map is TREE.map


def test_a_border_that_moves_moves_on_the_map() -> None:
    code = f"{ROOT}20201"
    changed = TREE.changed(Packed.of([pack(TREE[code])], as_array([shapely.box(10, 10, 11, 11)])))
    [now, no_more] = changed.map.locate([(10.5, 10.5), (119.025, 36.005)])
    assert now is not None
    assert changed.unit(now.unit).code == code
    assert no_more is not None
    assert no_more.metres > 0


def test_a_new_unit_takes_its_place_by_its_code() -> None:
    new = replace(TREE[f"{ROOT}20101"], code=f"{ROOT}20100", name="零微")
    changed = TREE.changed(Packed.of([pack(new)], as_array([shapely.box(10, 10, 11, 11)])))
    assert [*changed] == sorted([*TREE, new.code])
    assert changed[new.code] == new
    assert {code: changed[code] for code in TREE} == {code: TREE[code] for code in TREE}
    [found, as_before] = changed.map.locate([(10.5, 10.5), (119.005, 36.005)])
    assert found is not None
    assert as_before is not None
    assert (changed.unit(found.unit).code, changed.unit(as_before.unit).code) == (new.code, f"{ROOT}20101")


def test_a_tree_in_parts_is_the_same_tree() -> None:
    parts = [Packed.of([pack(u)], as_array([BORDERS.get(u.code)])) for u in ORDERED]
    tree = GridTree(Packed.joined(parts))
    assert {code: tree[code] for code in tree} == {unit.code: unit for unit in UNITS}
    above = [list(tree.indexes_above(index)) for index in range(len(tree))]
    assert above == [list(TREE.indexes_above(index)) for index in range(len(TREE))]


def test_a_street_without_units_has_an_empty_tree() -> None:
    empty = GridTree(Packed.joined([]))
    assert [*empty] == []
    assert empty.map.locate([(119.0, 36.0)]) == [None]


def test_an_empty_tree_takes_its_first_units() -> None:
    units = Packed.of([pack(unit) for unit in ORDERED], as_array([None] * len(ORDERED)))
    tree = GridTree(Packed.joined([])).changed(units)
    assert {code: tree[code] for code in tree} == {unit.code: unit for unit in UNITS}


def test_a_new_unit_without_a_border_moves_no_other_on_the_map() -> None:
    tree = GridTree.of(UNITS, BORDERS)
    [before] = tree.map.locate([(119.005, 36.005)])
    assert before is not None
    changed = tree.changed(Packed.of([pack(replace(tree[f"{ROOT}201"], code=f"{ROOT}200", name="新村"))], NOWHERE))
    [found] = changed.map.locate([(119.005, 36.005)])
    assert found is not None
    assert changed.unit(found.unit).code == tree.unit(before.unit).code == f"{ROOT}20101"


def test_ids_have_names_as_far_as_the_street_knows_them() -> None:
    micro_grid = f"{ROOT}20101"
    assert STREET.org_name(f"P{micro_grid}", micro_grid) == "儒林一微党组织"
    assert STREET.org_name(f"P{ROOT}", micro_grid) == "凌河街道党组织"
    assert STREET.org_name("P-gone", micro_grid) == "P-gone"
    assert (STREET.member_name("M1"), STREET.member_name("M-gone")) == ("成员1", "M-gone")
