"""A street's folder goes into the dispatch database whole or not at all, and only what differs is told."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deploy.local.linghe import street
from deploy.local.servers.nats_and_postgres import Servers
from libs import sealing
from libs.chassis.db.database import Engine, connect, transaction
from libs.chassis.db.ids import new_id
from libs.contracts import cloudevents
from libs.contracts.dispatch import CategoryChanged, MemberChanged, UnitChanged
from libs.contracts.message import Message
from libs.sealing import Opener, Sealer
from services.dispatch.components import importing as components
from services.dispatch.components.domain.inventory import Change, Component
from services.dispatch.grid import tables as grid_tables
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.orders.tables import insert_orders
from services.dispatch.roster import importing as roster
from services.dispatch.roster.importing import Changes, InUse
from services.dispatch.street import tables as streets
from services.dispatch.street.domain.street import Street
from tests.support.orders import claimed
from tests.support.roster_folder import edit, edit_units, setting
from tests.support.stage import NOON, fresh_database

TENANT = "370784004"
PRIVATE, PUBLIC = sealing.new_key_pair()

numbers = itertools.count()


@pytest.fixture(scope="module")
def linghe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linghe")
    street.write(street.build(), folder)
    return folder


@pytest.fixture
def folder(linghe: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(linghe, tmp_path / "street")


@pytest.fixture
async def engine(servers: Servers) -> AsyncIterator[Engine]:
    url = await fresh_database(servers.addresses.admin_url, "dispatch", f"roster_{next(numbers)}")
    engine = connect(url, pool_size=2)
    yield engine
    await engine.close()


async def imported(engine: Engine, folder: Path, *, preview: bool = False) -> Changes:
    wanted = roster.read(folder, TENANT, PUBLIC)
    async with transaction(engine) as db:
        return await roster.import_roster(db, wanted, Sealer(PUBLIC), NOON, preview=preview)


async def facts(engine: Engine) -> list[Message]:
    async with transaction(engine) as db:
        rows = await db.rows(text("SELECT subject, headers, body FROM outbox ORDER BY position"))
    return [cloudevents.decode(r.subject, r.headers, bytes(r.body)) for r in rows]


async def execute(engine: Engine, sql: str) -> None:
    async with transaction(engine) as db:
        await db.execute(text(sql))


async def version(engine: Engine) -> Any:
    async with transaction(engine) as db:
        row = await db.one(text("SELECT version FROM streets"))
    return row.version if row is not None else None


async def test_the_whole_street_is_imported_and_told(
    engine: Engine, linghe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_tables, "UNITS_AT_ONCE", 300)
    changes = await imported(engine, linghe)
    assert changes.units.counts == (1001, 0, 0)
    assert changes.members.counts == (2303, 0, 0)
    assert changes.categories.counts == (67, 0, 0)
    told = await facts(engine)
    assert sum(isinstance(f, UnitChanged) for f in told) == 1001
    assert sum(isinstance(f, MemberChanged) for f in told) == 2303
    assert sum(isinstance(f, CategoryChanged) for f in told) == 67
    async with transaction(engine) as db:
        loaded = (await streets.streets_for(db, [TENANT]))[TENANT]
    assert (len(loaded.units), len(loaded.members), len(loaded.responsibilities)) == (1001, 2303, 67)
    assert sum(border is not None for border in loaded.units.borders) == 832
    assert all(unit.code == code and (unit.parent or code) in loaded.units for code, unit in loaded.units.items())


async def known_street(engine: Engine) -> Street:
    async with transaction(engine) as db:
        return (await streets.streets_for(db, [TENANT]))[TENANT]


async def test_a_running_service_reads_only_the_units_that_have_changed(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(engine, folder)
    before = await known_street(engine)
    borders = before.units.map
    monkeypatch.delattr(grid_tables, "UNITS")  # the query for all of them
    edit_units(folder, lambda units: units[-1]["properties"].update(name="新微网格"))
    await imported(engine, folder)
    after = await known_street(engine)
    changed = [code for code in after.units if after.units[code] != before.units[code]]
    assert [after.units[code].name for code in changed] == ["新微网格"]
    assert after.units.map is borders


async def test_a_new_unit_and_its_border_take_effect_without_a_restart(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    far_away = (10.0, 10.0)
    assert (await known_street(engine)).units.map.locate([far_away]) == [None]
    square = {"type": "Polygon", "coordinates": [[[9, 9], [9, 11], [11, 11], [11, 9], [9, 9]]]}

    def add_one(units: list[dict[str, Any]]) -> None:
        new = {**units[-1]["properties"], "code": f"{TENANT}0000001", "name": "飞地"}
        units.append({"type": "Feature", "properties": new, "geometry": square})

    edit_units(folder, add_one)
    edit(
        folder / "organisations.csv",
        lambda lines: lines.append({**lines[-1], "org_id": "P-new", "unit": f"{TENANT}0000001"}),
    )
    await imported(engine, folder)
    after = await known_street(engine)
    [found] = after.units.map.locate([far_away])
    assert found is not None
    assert after.units.unit(found.unit).name == "飞地"
    assert after.units[f"{TENANT}0000001"].parent in after.units


async def test_components_stand_in_the_units_of_a_new_map(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    street = await known_street(engine)
    drawn = [(unit.code, border.representative_point()) for unit, border in bordered(street)[:2]]
    lamps = [Component(code, "01103", None, point.x, point.y, code, None) for code, point in drawn]
    async with transaction(engine) as db:
        await components.put_in_force(db, TENANT, Change(new=lamps), NOON)

    def swap(units: list[dict[str, Any]]) -> None:
        one, other = (next(u for u in units if u["properties"]["code"] == code) for code, _ in drawn)
        one["geometry"], other["geometry"] = other["geometry"], one["geometry"]

    edit_units(folder, swap)
    await imported(engine, folder)
    async with transaction(engine) as db:
        found = await db.rows(text("SELECT code, unit, version FROM components ORDER BY code"))
        [made] = await db.rows(text("SELECT changed, moved FROM component_versions WHERE version = 2"))
    (first, _), (second, _) = drawn
    assert [tuple(row) for row in found] == [(first, second, 2), (second, first, 2)]
    assert tuple(made) == (2, 2)


def bordered(street: Street) -> list[tuple[Unit, Any]]:
    """The units that have a border, by code."""
    pairs = zip(street.units.values(), street.units.borders, strict=True)
    return [(unit, border) for unit, border in pairs if border is not None]


async def test_the_same_folder_again_changes_nothing(engine: Engine, linghe: Path) -> None:
    await imported(engine, linghe)
    before = await version(engine), len(await facts(engine))
    assert not await imported(engine, linghe)
    assert (await version(engine), len(await facts(engine))) == before


async def test_days_and_hours_of_the_street_s_own_make_a_new_version_of_it(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    before = await version(engine)
    (folder / "calendar.csv").write_text(
        "day,kind,name\n2026-12-24,holiday,停电检修\n2026-12-26,workday,集中整治\n", encoding="utf-8"
    )
    (folder / "working_hours.csv").write_text("opens,closes\n09:00,12:00\n13:00,18:00\n", encoding="utf-8")
    changes = await imported(engine, folder)
    assert (changes.calendar.counts, changes.hours.counts) == ((2, 0, 0), (2, 0, 0))
    assert await version(engine) != before
    assert not await imported(engine, folder)
    async with transaction(engine) as db:
        works = (await streets.streets_for(db, [TENANT]))[TENANT].calendar
    assert (works.is_worked(date(2026, 12, 24)), works.is_worked(date(2026, 12, 26))) == (False, True)
    assert works.hours == ((time(9), time(12)), (time(13), time(18)))
    (folder / "calendar.csv").unlink()
    assert (await imported(engine, folder)).calendar.counts == (0, 0, 2)


async def test_a_preview_writes_nothing(engine: Engine, linghe: Path) -> None:
    assert (await imported(engine, linghe, preview=True)).members.counts == (2303, 0, 0)
    assert await version(engine) is None
    assert await facts(engine) == []


async def test_a_changed_member_is_the_only_fact_and_keeps_open_orders(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    old = await version(engine)
    await execute(engine, "UPDATE members SET open_orders = 2 WHERE member_id = 'M0100'")
    edit(folder / "members.csv", setting(99, name="王安宁"))
    assert (await imported(engine, folder)).members.counts == (0, 1, 0)
    [told] = (await facts(engine))[1001 + 2303 + 67 :]
    assert isinstance(told, MemberChanged)
    assert (told.member_id, told.member_name, told.active) == ("M0100", "王安宁", True)
    assert await version(engine) != old
    async with transaction(engine) as db:
        row = await db.one(text("SELECT name, open_orders FROM members WHERE member_id = 'M0100'"))
    assert row is not None
    assert tuple(row) == ("王安宁", 2)


async def test_a_changed_address_is_noticed_and_sealed_to_notify(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    edit(folder / "members.csv", setting(0, email="moved@linghe.example"))
    await imported(engine, folder)
    told = (await facts(engine))[-1]
    assert isinstance(told, MemberChanged)
    assert told.sealed_contact is not None
    assert Opener(PRIVATE).open(told.sealed_contact) == {"email": "moved@linghe.example", "language": "zh"}


async def test_no_address_is_in_the_database_in_the_clear(engine: Engine, linghe: Path) -> None:
    await imported(engine, linghe)
    async with transaction(engine) as db:
        names = await db.rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for (name,) in names:
            encoded = "encode(body, 'escape')" if name in ("outbox", "retries") else "''"
            found = await db.rows(
                text(f"SELECT 1 FROM \"{name}\" t WHERE t::text || {encoded} LIKE '%linghe.example%' LIMIT 1")
            )
            assert not found, name


async def test_a_member_who_is_left_out_goes_and_is_told_as_inactive(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    edit(folder / "members.csv", lambda lines: lines.__delitem__(-1))
    assert (await imported(engine, folder)).members.counts == (0, 0, 1)
    told = (await facts(engine))[-1]
    assert isinstance(told, MemberChanged)
    assert (told.member_id, told.active, told.sealed_contact) == ("M2303", False, None)


async def test_a_member_with_open_orders_cannot_be_left_out(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    await execute(engine, "UPDATE members SET open_orders = 1 WHERE member_id IN ('M2302', 'M2303')")
    orders = [replace(claimed(), order_id=new_id(), case_id=new_id(), case_no=f"20261123-{n:06}") for n in (17, 18)]
    held = [replace(order, member_id=member) for order, member in zip(orders, ("M2302", "M2303"), strict=True)]
    async with transaction(engine) as db:
        await insert_orders(db, held)
        names = {m.member_id: m.name for m in (await streets.streets_for(db, [TENANT]))[TENANT].members.values()}
    edit(folder / "members.csv", lambda lines: lines.__delitem__(slice(-2, None)))
    for preview in (True, False):
        with pytest.raises(InUse) as refused:
            await imported(engine, folder, preview=preview)
        assert str(refused.value).splitlines() == [
            f"member {member} {names[member]} is left out, but has 1 open order (cases {case_no}): "
            "have them assigned to others first, handed in or given back"
            for member, case_no in (("M2302", "20261123-000017"), ("M2303", "20261123-000018"))
        ]
        assert f"缺少成员 M2303 {names['M2303']}，其在办 1 件（案件 20261123-000018）" in refused.value.sentence.zh


async def test_a_unit_cannot_be_left_out(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    lonely = "37078400401"
    await execute(engine, f"INSERT INTO units SELECT tenant, '{TENANT}99', level, parent, name, aliases, org_id, "
                          f"org_kind, org_name, border FROM units WHERE code = '{lonely}'")  # fmt: skip
    with pytest.raises(InUse, match=f"unit {TENANT}99 .* is left out"):
        await imported(engine, folder)


async def test_a_category_that_is_left_out_goes(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    edit(folder / "responsibility.csv", lambda lines: lines.__delitem__(0))
    assert (await imported(engine, folder)).categories.counts == (0, 0, 1)
    told = (await facts(engine))[-1]
    assert isinstance(told, CategoryChanged)
    assert (told.category, told.active) == ("11001", False)


async def test_two_imports_at_once_are_as_one(engine: Engine, linghe: Path) -> None:
    both = await asyncio.gather(imported(engine, linghe), imported(engine, linghe))
    assert sorted(map(bool, both)) == [False, True]
    assert len(await facts(engine)) == 1001 + 2303 + 67


async def test_a_failure_midway_leaves_the_street_as_it_was(engine: Engine, folder: Path) -> None:
    await imported(engine, folder)
    before = await version(engine), len(await facts(engine))
    await execute(engine, "ALTER TABLE members ADD CHECK (name <> '王安宁')")
    edit(folder / "members.csv", setting(0, name="王安宁"))
    edit(folder / "responsibility.csv", setting(0, points="9"))
    with pytest.raises(Exception, match="check constraint"):
        await imported(engine, folder)
    assert (await version(engine), len(await facts(engine))) == before
    async with transaction(engine) as db:
        row = await db.one(text("SELECT points FROM responsibilities WHERE category = '11001'"))
    assert row is not None
    assert row.points == 5
