"""What a name means on the demonstration street: 145 villages whose names contain one another."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Level
from services.dispatch.grid.domain.gazetteer import (
    CANDIDATES_AT_MOST,
    SAID_AT_MOST,
    Ambiguous,
    Found,
    Gazetteer,
    NamedPlace,
    Unknown,
    plain,
    shortened,
)
from services.dispatch.grid.domain.misspelling import Misspellings, Misspelt
from services.dispatch.grid.domain.tree import GridTree, Unit
from tests.support.linghe_street import TENANT, linghe
from tests.support.small_street import BORDERS, ROOT, UNITS

BIG_RULIN, WEST_RULIN, RULIN = "370784004215", "370784004218", "370784004329"


def named() -> dict[str, set[str]]:
    """Codes by the names of communities and grids, with their places."""
    street, found = linghe(), dict[str, set[str]]()
    for level in (Level.COMMUNITY, Level.GRID):
        for unit in street.units.of_level(level):
            for name in (unit.name, *unit.aliases):
                found.setdefault(name, set()).add(unit.code)
    for place in street.places:
        if place.unit is not None and place.unit != TENANT:
            for name in (place.name, *place.aliases, *place.former_names):
                found.setdefault(name, set()).add(place.unit)
    return found


NAMES = named()
ABOUT = st.sampled_from(["", "附近", "旁的变压器"])
CHARACTERS = st.sampled_from("甲乙大小东西门口")


def found(text: str) -> str:
    """The code of the unit."""
    answer = linghe().gazetteer.find(text)
    assert isinstance(answer, Found), answer
    return linghe().units.unit(answer.unit).code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("儒林", RULIN),
        ("儒林小学门口", RULIN),
        ("大儒林", BIG_RULIN),
        ("大儒林村", BIG_RULIN),
        ("大儒林村委会东侧", BIG_RULIN),
        ("大儒林村民委员会", BIG_RULIN),
        ("西儒林村口", WEST_RULIN),
        ("大　儒　林", BIG_RULIN),
        ("安丘市凌河街道大儒林村东头", BIG_RULIN),
        ("和顺社区大儒林村", BIG_RULIN),
        ("大儒林村第1微网格的路灯", f"{BIG_RULIN}01"),
        ("凌河", f"{TENANT}201"),
        ("古槐集", BIG_RULIN),
        ("古槐集完小", BIG_RULIN),
        ("春晖小区", f"{TENANT}01"),
        ("法律服务驿站", "3707840040801"),
    ],
)
def test_a_text_means_the_unit_whose_name_it_has(text: str, code: str) -> None:
    assert found(text) == code


@pytest.mark.parametrize(
    ("text", "code", "said", "name"),
    [
        ("大如林", BIG_RULIN, "大如林", "大儒林"),
        ("石榴榴沟村", next(iter(NAMES["石榴沟"])), "石榴榴沟", "石榴沟"),
        ("大林村", BIG_RULIN, "大林", "大儒林"),
        ("大林儒村委会", BIG_RULIN, "大林儒", "大儒林"),
        ("凌河街道大如林村", BIG_RULIN, "大如林", "大儒林"),
        ("和顺社区大如林村", BIG_RULIN, "大如林", "大儒林"),
        ("古怀集", BIG_RULIN, "古怀集", "古槐集"),
    ],
)
def test_one_wrong_character_is_forgiven_and_said(text: str, code: str, said: str, name: str) -> None:
    assert found(text) == code
    answer = linghe().gazetteer.find(text)
    assert answer.because[0] == Reason(Why.NAME_MISSPELT, {"said": said, "name": name})


def test_what_is_one_character_off_but_contains_another_name_is_that_one() -> None:
    assert found("人儒林") == RULIN


def test_two_characters_of_a_longer_text_are_no_misspelt_name() -> None:
    assert isinstance(linghe().gazetteer.find("那片大林子里"), Unknown)


def test_names_that_share_a_character_and_are_equally_long_are_not_chosen_between() -> None:
    answer = linghe().gazetteer.find("东涝山东头路口")
    assert isinstance(answer, Ambiguous)
    assert [c.name for c in answer.candidates] == ["东涝山村网格", "山东头村网格"]


def test_two_places_in_one_text_are_not_chosen_between() -> None:
    answer = linghe().gazetteer.find("大儒林村与西儒林村之间")
    assert isinstance(answer, Ambiguous)
    assert [c.code for c in answer.candidates] == [BIG_RULIN, WEST_RULIN]
    assert answer.candidates[0].path == "凌河街道 › 和顺社区 › 大儒林村网格"


def test_the_street_alone_says_nothing_about_where() -> None:
    for text in ("凌河街道", "凌河镇"):
        answer = linghe().gazetteer.find(text)
        assert isinstance(answer, Unknown)
        assert answer.because[-1] == Reason(Why.WHOLE_STREET)


def test_a_former_name_is_told_as_one() -> None:
    [said] = linghe().gazetteer.find("人民会场北侧").because
    assert (said.reason, said.values["said"], said.values["place"]) == (Why.FORMER_NAME, "人民会场", "文化广场")


def test_a_name_that_two_bear_is_told_apart_by_what_stands_beside_it() -> None:
    more = [*UNITS, Unit(f"{ROOT}02", Level.COMMUNITY, ROOT, "二社区", "P", UNITS[1].org_kind, "二社区党组织")]
    more.append(Unit(f"{ROOT}301", Level.GRID, f"{ROOT}02", "老村", "P", UNITS[2].org_kind, "老村党支部"))
    units = GridTree.of(more, {})
    gazetteer = Gazetteer(units)
    assert isinstance(gazetteer.find("老村"), Ambiguous)
    answer = gazetteer.find("二社区老村")
    assert isinstance(answer, Found)
    assert units.unit(answer.unit).code == f"{ROOT}301"


def test_a_half_typed_name_becomes_those_that_begin_with_it_and_then_those_that_contain_it() -> None:
    suggested = linghe().gazetteer.suggest("儒林")
    names = [each.name for each in suggested]
    assert len(names) == 20
    assert names[0] == "儒林村网格"
    assert names.index("儒林大集") < names.index("西儒林村网格")
    assert [each.name for each in linghe().gazetteer.suggest("大如林")] == ["大儒林村网格"]
    assert linghe().gazetteer.suggest("没有的地方") == []


@given(st.sampled_from(sorted(NAMES)), ABOUT)
def test_every_name_of_the_street_leads_to_who_bears_it(name: str, about: str) -> None:
    answer = linghe().gazetteer.find(name)
    match answer:
        case Found(unit):
            assert linghe().units.unit(unit).code in NAMES[name]
        case Ambiguous(candidates):
            assert NAMES[name] <= {c.code for c in candidates}
            assert len(NAMES[name]) > 1
        case Unknown():
            pytest.fail(str(answer.because))
    assert linghe().gazetteer.find(name + about).because == answer.because


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str]:
    """A name of three characters or more beside its suffix, and the same with one of these characters wrong."""
    names = sorted({core for name in NAMES if len(core := [*shortened(plain(name))][-1]) >= 3})
    name = draw(st.sampled_from(names))
    at = draw(st.integers(0, len(name) - 1))
    match draw(st.sampled_from(["another", "one more", "one less", "swapped"])):
        case "another":
            wrong = name[:at] + draw(CHARACTERS) + name[at + 1 :]
        case "one more":
            wrong = name[:at] + draw(CHARACTERS) + name[at:]
        case "one less":
            wrong = name[:at] + name[at + 1 :]
        case _:
            wrong = name[: max(at - 1, 0)] + name[max(at - 1, 0) : at + 1][::-1] + name[at + 1 :]
    return name, wrong


@given(misspelt())
def test_a_name_with_one_wrong_character_is_never_quietly_another(pair: tuple[str, str]) -> None:
    """It is that name, unless the wrong text has another name in it, rightly written.

    Where the character makes the end of the name a word that is left out, 农贸市场片区 a 小区, nothing is guessed.
    """
    name, wrong = pair
    gazetteer = linghe().gazetteer
    meant = gazetteer.find(name)
    answer = gazetteer.find(wrong)
    assume(wrong != name)
    codes = {linghe().units.unit(meant.unit).code} if isinstance(meant, Found) else set()
    if isinstance(meant, Ambiguous):
        codes = {c.code for c in meant.candidates}
    written = any(form in wrong for other in NAMES for form in shortened(plain(other)))
    match answer:
        case Found(unit) if not written:
            assert linghe().units.unit(unit).code in codes
            assert answer.because[0].reason == Why.NAME_MISSPELT
        case Ambiguous(candidates) if not written:
            # Of more names that are as near only so many are listed, and the answer says how many more there are.
            assert codes & {c.code for c in candidates} or len(candidates) == CANDIDATES_AT_MOST
        case Unknown() if not written and len(list(shortened(plain(wrong)))) == len(list(shortened(plain(name)))):
            pytest.fail(str(answer.because))


@given(st.text(max_size=60))
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    answer = linghe().gazetteer.find(text)
    assert answer == linghe().gazetteer.find(text)
    assert answer.because


def test_of_many_that_a_name_may_mean_some_are_said_and_the_others_counted() -> None:
    villages = [place_in(number) for number in range(SAID_AT_MOST + 2)]
    answer = Gazetteer(GridTree.of([*UNITS, *villages], {})).find("三官庙")
    assert isinstance(answer, Ambiguous)
    assert answer.because[0].values == {"said": "三官庙", "count": SAID_AT_MOST + 2}
    assert [reason.values["code"] for reason in answer.because[1:]] == [each.code for each in villages[:SAID_AT_MOST]]


def place_in(number: int) -> Unit:
    return Unit(f"{ROOT}3{number:02}", Level.GRID, f"{ROOT}01", "三官庙", "P", UNITS[2].org_kind, "三官庙党支部")


def test_a_place_far_outside_of_the_street_is_no_place_of_it() -> None:
    tree = GridTree.of(UNITS, BORDERS)
    far = NamedPlace("L1", "远方学校", "school", (), (), None, (100.0, 30.0))
    near = NamedPlace("L2", "近处学校", "school", (), (), None, (119.005, 36.005))
    gazetteer = Gazetteer(tree, [far, near])
    assert isinstance(gazetteer.find("远方学校"), Unknown)
    assert isinstance(gazetteer.find("近处学校"), Found)


def test_of_two_that_share_a_name_the_other_name_in_the_text_tells() -> None:
    """老村 is an alias of 东村 and of 西村; each has a shop that is written beside it."""
    tree = GridTree.of(UNITS, BORDERS)
    shop = NamedPlace("L1", "福满超市", "shop", (), (), f"{ROOT}203", None)
    answer = Gazetteer(tree, [shop]).find("老村福满超市")
    assert isinstance(answer, Found)
    assert tree.unit(answer.unit).code == f"{ROOT}203"
    assert isinstance(Gazetteer(tree, [shop]).find("老村"), Ambiguous)


def test_a_short_name_with_one_wrong_character_is_found_within_a_longer_text() -> None:
    found = Misspellings(["大儒林"]).find("在大乳林东头")
    assert Misspelt(1, 4, "大儒林") in found


def test_names_that_stand_side_by_side_are_both_names() -> None:
    shop = NamedPlace("L1", "福满超市", "shop", (), (), f"{ROOT}203", None)
    answer = Gazetteer(GridTree.of(UNITS, BORDERS), [shop]).find("西村福满超市")
    assert isinstance(answer, Ambiguous)
    assert {each.code for each in answer.candidates} == {f"{ROOT}203", f"{ROOT}204"}


def test_a_name_whose_first_character_is_wrong_is_found() -> None:
    assert Misspelt(0, 3, "大儒林") in Misspellings(["大儒林"]).find("太儒林")
