"""What others may read of a report holds no contact of anybody."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.values import Place, Point
from services.incident.cases.domain.redaction import SUMMARY_LENGTH, public_place, redact, summarise


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("请打13800000000找我", "请打…找我"),
        ("电话 138 0000 0000。", "电话 …。"),
        ("电话138-0000-0000转告", "电话…转告"),
        ("电话１３８００００００００", "电话…"),
        ("+86 138 0000 0000", "…"),
        ("座机0536-1234567", "座机…"),
        ("(0536)1234567 有人接", "(… 有人接"),
        ("幺三八零零零零零零零零", "…"),
        ("发到 wang.li@mail.example 谢谢", "发到 … 谢谢"),
        ("发到wang_li@mail.example，谢谢", "发到…，谢谢"),
        ("发到 王丽@邮件.example 谢谢", "发到 … 谢谢"),
        ("wang＠mail.example", "…"),
        ("wang @ mail.example", "…"),
        ("身份证11010519491231002X请核实", "身份证…请核实"),
        ("身份证110105194912310021", "身份证…"),
        ("微信：wang_li01", "微信：…"),
        ("加我微信 wangli-88 联系", "加我微信 … 联系"),
        ("VX:wangli", "VX:…"),
        ("微信号是wangli", "微信号是…"),
        ("QQ群 12345", "QQ群 …"),
        ("qq号12345678", "qq号…"),
        ("wechat: wangli_01", "wechat: …"),
    ],
)
def test_what_looks_like_a_contact_is_left_out(text: str, left: str) -> None:
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "3号楼2单元501室的路灯坏了",
        "2026-11-23 晚上 8:30 开始停水",
        "2026年11月23日至11月25日停水",
        "水表读数 1234.5",
        "微信群里有人说路灯坏了",
        "108 国道 25 公里处",
        "一二三村路口",
    ],
)
def test_numbers_that_say_where_and_when_stay(text: str) -> None:
    assert redact(text) == text


@given(st.lists(st.sampled_from(list("0123456789")), min_size=11, max_size=11), st.sampled_from(["", " ", "-", " - "]))
def test_eleven_digits_never_stay_however_they_are_grouped(digits: list[str], gap: str) -> None:
    grouped = gap.join(["".join(digits[:3]), "".join(digits[3:7]), "".join(digits[7:])])
    assert not any(c.isdigit() for c in redact(f"找我{grouped}谢谢"))


@given(st.text(alphabet="1２3-./ @a微信qq：x年\n…", max_size=400))
def test_a_summary_is_one_short_line_without_an_address(text: str) -> None:
    summary = summarise(text)
    assert len(summary) <= SUMMARY_LENGTH
    assert "\n" not in summary
    assert re.search(r"\w@\w", summary) is None


def test_a_place_s_name_goes_on_without_a_contact() -> None:
    point = Point(longitude=119.2, latitude=36.4)
    place = public_place(Place(point=point, name="王家门口 13800000000"))
    assert (place.name, place.point) == ("王家门口 …", point)
    assert public_place(Place(point=point)) == Place(point=point)


def test_no_half_of_a_number_is_left_where_the_summary_is_cut() -> None:
    summary = summarise("灯" * 195 + "13800000000")
    assert summary == "灯" * 195 + "…"
