"""Components as values: files read with every wrong cell named, what an import changes, and which is nearest."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from libs.sentences import Language
from libs.sheets.mistakes import Mistaken
from libs.sheets.workbook import OF_AN_OPERATOR, as_csv
from services.dispatch.components import files
from services.dispatch.components.domain.inventory import Change, Component, State, compare, relocated
from services.dispatch.components.domain.nearby import Nearby
from services.dispatch.grid.domain.borders import METRES_PER_DEGREE
from services.dispatch.grid.domain.tree import GridTree
from services.dispatch.street.domain.street import Street
from tests.support.small_street import BORDERS, MEMBERS, ROOT, STREET, UNITS

HEADER = ["编码", "类别", "名称", "经度", "纬度", "责任单位"]
LAMP = ["LD-1", "01103", "路灯", 119.005, 36.005, f"P{ROOT}"]
HERE = Component("LD-1", "01103", "路灯", 119.005, 36.005, f"{ROOT}20101", f"P{ROOT}")


def read(content: bytes) -> list[Component]:
    return files.read(content, STREET).components


def table(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> bytes:
    return as_csv([header, *rows])


def book(*rows: Sequence[Any]) -> bytes:
    made, out = Workbook(), BytesIO()
    for row in (HEADER, *rows):
        made.worksheets[0].append([*row])
    made.save(out)
    return out.getvalue()


def feature(longitude: Any, latitude: Any, /, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def wrong(content: bytes, language: Language = Language.EN) -> list[str]:
    with pytest.raises(Mistaken) as mistaken:
        read(content)
    return [each.told(language) for each in mistaken.value.mistakes]


def with_cell(column: str, cell: Any) -> list[Any]:
    return [cell if title == column else value for title, value in zip(HEADER, LAMP, strict=True)]


FILES = {
    "csv": table(LAMP),
    "csv of a Chinese Excel": table(LAMP).decode("utf-8-sig").encode("gb18030"),
    "xlsx": book(LAMP),
    "English": table(LAMP, header=["code", "kind", "name", "longitude", "latitude", "org_id"]),
    "other names": table(
        LAMP, header=["部件编码", "Category", "部件名称", "经度（WGS84）", "latitude", "organisation"]
    ),
    "geojson": collection(feature(119.005, 36.005, 编码="LD-1", 类别="01103", 名称="路灯", 责任单位=f"P{ROOT}")),
    "geojson that says again where it is": collection(
        feature(119.005, 36.005, code="LD-1", category="01103", name="路灯", org_id=f"P{ROOT}", longitude=1, 纬度=2)
    ),
    "the name of the organisation": table(with_cell("责任单位", "凌河街道党组织")),
    "with columns of others": table([*LAMP, 7, "在用"], header=[*HEADER, "序号", "状态"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_whatever_kind_of_file_it_is_the_same_component_comes_of_it(kind: str) -> None:
    assert read(FILES[kind]) == [HERE]


def test_name_organisation_and_state_may_be_left_out() -> None:
    [bare] = read(table(LAMP[:2] + LAMP[3:5], header=["code", "kind", "longitude", "latitude"]))
    assert bare == replace(HERE, name=None, org_id=None)
    [empty] = read(
        collection(feature(119.005, 36.005, code="LD-1", kind="01103", name=None, org_id="", state="retired"))
    )
    assert empty == replace(HERE, name=None, org_id=None, state=State.RETIRED)


def test_columns_that_are_passed_over_are_named() -> None:
    remarks = files.read(table([*LAMP, 7], header=[*HEADER, "序号"]), STREET).remarks
    assert [str(each) for each in remarks] == ["columns passed over: 序号"]
    of_map = collection(feature(119.005, 36.005, code="LD-1", kind="01103", 材质={"a": [1]}))
    assert [each.zh for each in files.read(of_map, STREET).remarks] == ["未用的列：材质"]


CELLS = [
    ("编码", "", "第2行，编码：不能为空（一至六十四个可见字符，不重复）"),
    ("编码", "x" * 65, f"第2行，编码：“{'x' * 40}”最多 64 个字（一至六十四个可见字符，不重复）"),
    ("编码", "A 1", "第2行，编码：“A 1”含有空格或看不见的字符（一至六十四个可见字符，不重复）"),
    ("编码", "A 1", "第2行，编码：“A 1”含有空格或看不见的字符（一至六十四个可见字符，不重复）"),
    ("编码", "nearest", "第2行，编码：“nearest”与接口地址相同，请换一个编码（一至六十四个可见字符，不重复）"),
    ("编码", "..", "第2行，编码：“..”与接口地址相同，请换一个编码（一至六十四个可见字符，不重复）"),
    ("编码", "A/orders", "第2行，编码：“A/orders”与接口地址相同，请换一个编码（一至六十四个可见字符，不重复）"),
    ("编码", "-1", "第2行，编码：“-1”以 - 开头，表格软件会当作公式（一至六十四个可见字符，不重复）"),
    ("类别", "1103", "第2行，类别：“1103”格式不对（五位数字，如 01103；单元格应为文本格式，否则开头的零会丢失）"),
    ("经度", "东经", "第2行，经度：“东经”应为数字（WGS84 的度数，如 119.213）"),
    ("经度", "nan", "第2行，经度：“nan”应为数字（WGS84 的度数，如 119.213）"),
    ("经度", "119.1", "第2行，经度：119.1, 36.005 在街道边界以外（WGS84 坐标，在街道边界内）"),
    (
        "经度",
        "119.0301",
        "第2行，经度：119.0301, 36.005 在街道边界以外，距大儒林一微 9.0 米（WGS84 坐标，在街道边界内）",
    ),
    (
        "纬度",
        "119.2",
        "第2行，纬度：“119.2”纬度应在 -90 至 90 之间，119.2 像是经度：经纬度是否写反了（WGS84 的度数，如 36.478）",
    ),
    (
        "责任单位",
        "P999",
        "第2行，责任单位：本街道没有组织“P999”，或已撤销（本街道现有组织的编号或名称，可空）",
    ),
]


@pytest.mark.parametrize(("column", "cell", "told"), CELLS)
def test_a_wrong_cell_is_named_with_what_would_be_right(column: str, cell: str, told: str) -> None:
    assert wrong(table(with_cell(column, cell)), Language.ZH) == [told]


def test_every_wrong_cell_is_named_at_once_by_its_line() -> None:
    rows = [
        with_cell("责任单位", "没有"),
        LAMP,
        ["LD-2", "01103", "", 0, 0, "没有"],
        ["LD-3", "x", "", "y", 36.005, ""],
    ]
    assert [each.partition(": ")[0] for each in wrong(table(*rows))] == [
        "line 2, 责任单位",
        "line 3, 编码",
        "line 4, 责任单位",
        "line 4, 经度",
        "line 5, 类别",
        "line 5, 经度",
    ]


def test_a_line_that_is_wrong_in_itself_is_looked_at_beside_the_others_and_the_street_too() -> None:
    bad = [*LAMP[:5], "无此单位", "坏了"]
    told = wrong(table([*LAMP, "在用"], bad, header=[*HEADER, "状态"]))
    assert [each.partition(": ")[0] for each in told] == ["line 3, 状态", "line 3, 编码", "line 3, 责任单位"]


def test_a_code_that_stands_there_twice_says_where() -> None:
    [told] = wrong(table(LAMP, LAMP))
    assert told == "line 3, 编码: LD-1 is in line 2 already (1 to 64 visible characters, each code once)"
    assert wrong(collection(feature(119.005, 36.005, code="a", kind="01103"), feature(0, 0, code="b", kind="7"))) == [
        "feature 2, kind: '7' is not of the right form (five digits, such as 01103; leading zeros need cells of text)"
    ]


def test_a_name_that_several_organisations_have_is_asked_about() -> None:
    units = [replace(each, org_name="联合党支部") if each.code != ROOT else each for each in UNITS]
    street = Street(ROOT, GridTree.of(units, BORDERS), {m.member_id: m for m in MEMBERS}, {})
    with pytest.raises(Mistaken, match=r"'联合党支部' is the name of .* and .*: give the id"):
        files.read(table(with_cell("责任单位", "联合党支部")), street)


MAPS = {
    "no JSON": (b'{"type": "FeatureCollection", "features": [', "line 1: is no JSON at character"),
    "no collection": (b'{"type": "Feature"}', "line 1: must be a GeoJSON FeatureCollection"),
    "no features": (b'{"type": "FeatureCollection", "features": {}}', "line 1: must be a GeoJSON FeatureCollection"),
    "deep": (b'{"a": ' * 100_000, "line 1: is no JSON"),
    "empty": (collection(), "the column code"),
    "a line": (
        collection(
            feature(1, 2), {**feature(1, 2), "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}
        ),
        "feature 2: must be a Point, the longitude first",
    ),
    "no geometry": (collection({"type": "Feature", "geometry": None}), "feature 1: must be a Feature with a geometry"),
    "the half of a character": (
        collection(feature(1, 2), feature(1, 2, x=1)).replace(b'"x"', b'"\\ud800x"'),
        "feature 2: has the half of a character",
    ),
    "no feature": (collection(7), "feature 1: must be a Feature with a geometry"),
    "words for degrees": (collection(feature("119", "36")), "feature 1: must be a Point, the longitude first"),
    "no code": (collection(feature(119.005, 36.005, kind="01103")), "the column code \\(编码\\) is missing"),
    "too many properties": (
        collection(feature(1, 2, **{f"p{n}": n for n in range(59)})),
        "line 1: features may have 58 properties at most",
    ),
    "too many features": (
        collection(*[feature(1, 2)] * 5_001),
        "line 1: a file may have 5000 lines at most",
    ),
    "too many bytes": (b"{" + b" " * 4 * 1024 * 1024, "the file has more than 4 MiB"),
}


@pytest.mark.parametrize("kind", MAPS)
def test_a_map_that_is_none_of_components_says_why(kind: str) -> None:
    content, told = MAPS[kind]
    with pytest.raises(Mistaken, match=told):
        read(content)


def test_one_wrong_line_among_many_is_named() -> None:
    rows = [[f"LD-{n}", "01103", "", 119.005, 36.005, ""] for n in range(20_000)]
    rows[12_345][1] = "灯"
    with pytest.raises(Mistaken) as mistaken:
        files.read(table(*rows), STREET, limits=OF_AN_OPERATOR)
    [told] = mistaken.value.mistakes
    assert (told.where.number, told.column) == (12_347, "类别")


def test_what_an_import_changes_is_told_apart() -> None:
    moved, renamed = replace(HERE, code="b", unit=f"{ROOT}20102"), replace(HERE, code="c", name="灯")
    present = {code: replace(HERE, code=code) for code in ("a", "b", "c")}
    gone = replace(HERE, code="d")
    change = compare(present, [present["a"], moved, renamed, replace(HERE, code="e")], [gone], 3)
    assert ([each.code for each in change.new], change.same, change.moved, change.version) == (["e"], 1, 1, 3)
    assert change.replaced == [moved, renamed, replace(gone, state=State.RETIRED)]
    assert not compare(present, present.values())
    assert Change(retired=[gone])


def test_by_a_new_map_components_move_and_stay_where_it_does_not_reach() -> None:
    change = relocated([HERE, replace(HERE, code="b"), replace(HERE, code="c")], [HERE.unit, None, "x"], 2)
    assert ([(was.code, now.unit) for was, now in change.changed], change.moved, change.same) == ([("c", "x")], 1, 2)


def test_the_nearest_is_found_and_nothing_further_than_asked() -> None:
    nearby = Nearby(["b", "a", "far"], [119.0, 119.0, 119.1], [36.0, 36.0, 36.0])
    found = nearby.nearest(119.0, 36.0009, 200)
    assert found is not None
    assert found.code == "a"
    assert found.metres == pytest.approx(100.19, abs=0.1)
    assert nearby.nearest(119.0, 36.0009, 100) is None
    assert Nearby([], [], []).nearest(119.0, 36.0, 5_000) is None


@given(st.integers(0, 2**32), st.floats(119.0, 119.1), st.floats(36.0, 36.1))
def test_none_is_much_nearer_than_the_nearest(seed: int, longitude: float, latitude: float) -> None:
    dice = random.Random(seed)
    points = {f"{n}": (119 + dice.random() / 10, 36 + dice.random() / 10) for n in range(50)}
    nearby = Nearby(list(points), [p[0] for p in points.values()], [p[1] for p in points.values()])
    found = nearby.nearest(longitude, latitude, 50_000)
    assert found is not None

    def metres(point: tuple[float, float]) -> float:
        east = (point[0] - longitude) * math.cos(math.radians(latitude))
        return math.hypot(east, point[1] - latitude) * METRES_PER_DEGREE

    assert found.metres == pytest.approx(metres(points[found.code]), rel=0.001, abs=0.01)
    assert metres(points[found.code]) <= min(map(metres, points.values())) * 1.002
