"""Preferences, contacts and the channels that follow from them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from libs.contracts.values import Channel
from services.notify.channels.clients import ADDRESSES
from services.notify.recipients.api import Preferences, Wishes
from services.notify.recipients.domain.contact import Contact, read_contact
from services.notify.recipients.domain.reach import (
    ERASED,
    NO_ADDRESS,
    NOT_WANTED,
    Reach,
    Recipient,
    Suppress,
    kind,
    member,
    org,
    reach,
    reporter,
)

EVERY = frozenset(Channel)
BOTH = frozenset({Channel.EMAIL, Channel.WEBHOOK})


def read(said: Mapping[str, object]) -> Contact:
    return read_contact(said, ADDRESSES)


def test_the_kind_of_a_recipient_stands_before_the_colon() -> None:
    assert [kind(id) for id in ("member:M1", "org:P1", "reporter:1:2")] == ["member", "org", "reporter"]


def test_a_member_is_told_in_the_app_and_by_email() -> None:
    member = Recipient("member", addresses=BOTH)
    assert reach(member, EVERY) == Reach((Channel.IN_APP, Channel.EMAIL))


def test_a_member_without_an_address_is_told_in_the_app() -> None:
    assert reach(Recipient("member"), EVERY) == Reach((Channel.IN_APP,))


def test_a_reporter_is_told_by_email_and_by_webhook_if_there_is_one() -> None:
    assert reach(Recipient("reporter", addresses=BOTH), EVERY) == Reach((Channel.EMAIL, Channel.WEBHOOK))
    only_email = Recipient("reporter", addresses=frozenset({Channel.EMAIL}))
    assert reach(only_email, EVERY) == Reach((Channel.EMAIL,))


def test_an_organisation_has_an_inbox() -> None:
    assert reach(Recipient("org"), EVERY) == Reach((Channel.IN_APP,))


def test_a_channel_that_is_switched_off_is_left_out() -> None:
    member = Recipient("member", unwanted=frozenset({Channel.EMAIL}), addresses=BOTH)
    assert reach(member, EVERY) == Reach((Channel.IN_APP,))


def test_a_channel_that_is_switched_on_is_added() -> None:
    member = Recipient("member", wanted=frozenset({Channel.WEBHOOK}), addresses=BOTH)
    assert reach(member, EVERY) == Reach((Channel.IN_APP, Channel.EMAIL, Channel.WEBHOOK))


def test_who_has_switched_everything_off_is_told_nothing() -> None:
    assert reach(Recipient("reporter", unwanted=BOTH, addresses=BOTH), EVERY) == Suppress(Channel.EMAIL, NOT_WANTED)


def test_a_reporter_without_an_address_is_told_nothing() -> None:
    assert reach(Recipient("reporter"), EVERY) == Suppress(Channel.EMAIL, NO_ADDRESS)


def test_who_was_erased_is_told_nothing() -> None:
    member = Recipient("member", addresses=BOTH, erased=True)
    assert reach(member, EVERY) == Suppress(Channel.IN_APP, ERASED)


def test_a_rule_may_leave_only_the_app() -> None:
    member = Recipient("member", addresses=BOTH)
    assert reach(member, frozenset({Channel.IN_APP})) == Reach((Channel.IN_APP,))
    quiet = Recipient("member", unwanted=frozenset({Channel.IN_APP}), addresses=BOTH)
    assert reach(quiet, frozenset({Channel.IN_APP})) == Suppress(Channel.IN_APP, NOT_WANTED)


def test_a_contact_is_read_as_it_was_given() -> None:
    contact = read(
        {
            "email": "zhang@mail.example",
            "phone": "+86 10 5555 0100",
            "webhook_url": "https://hook.example/x?y=1",
            "language": "en",
            "tracking_code": "0123456789ABC",
            "unknown": ["ignored"],
        }
    )
    kept = {"email": "zhang@mail.example", "phone": "+86 10 5555 0100", "webhook_url": "https://hook.example/x?y=1"}
    assert contact == Contact(kept, BOTH, "en", "0123456789ABC")


@pytest.mark.parametrize(
    "email",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a b@c.example",
        "a@b.example,c@d.example",
        "x>@y.example",
        "nobody",
        "@b.example",
        "",
        7,
        None,
        "a@" + "b" * 9 + "..example",
    ],
)
def test_what_is_no_mail_address_is_no_address(email: object) -> None:
    assert read({"email": email}).channels == frozenset()


@pytest.mark.parametrize("url", ["ftp://x.example", "https://", "https://[", "javascript:alert(1)", "https://a b", 5])
def test_what_is_no_web_address_is_no_address(url: object) -> None:
    assert read({"webhook_url": url}).channels == frozenset()


def test_a_contact_does_not_print_itself() -> None:
    assert "zhang" not in repr(read({"email": "zhang@mail.example"}))


def test_an_unknown_language_is_chinese() -> None:
    assert read({"language": "tlh"}).language == "zh"


def test_every_kind_of_recipient_has_an_id_that_says_its_kind() -> None:
    assert [reporter("7-1"), member("M1"), org("P1")] == ["reporter:7-1", "member:M1", "org:P1"]


def test_a_notice_for_no_usual_channel_is_suppressed_in_the_app() -> None:
    assert reach(Recipient("member"), frozenset({Channel.WEBHOOK})) == Suppress(Channel.IN_APP, NOT_WANTED)


def test_every_channel_has_a_wish_and_every_one_but_the_inbox_sends() -> None:
    for shown in (Preferences, Wishes):
        assert set(shown.model_fields) == {*Channel, "language"}
    assert set(ADDRESSES) == set(Channel) - {Channel.IN_APP}
