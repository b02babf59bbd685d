"""What becomes of a delivery after an attempt, and where a webhook may lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.notify.channels.domain import NotSent, NotTaken, Rejected, Taken, after_status
from services.notify.channels.webhook import Addresses, is_allowed
from services.notify.deliveries.domain import DELAYS, Again, Ended, next_step

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_what_was_not_taken_is_tried_again_later_and_later() -> None:
    delays = [next_step(NotTaken("HTTP 503"), attempts) for attempts in range(1, 6)]
    seconds = [5, 30, 120, 600, 3600]
    assert delays == [Again(timedelta(seconds=s), "HTTP 503") for s in seconds]


def test_after_the_last_delay_it_has_failed() -> None:
    assert next_step(NotTaken("HTTP 503"), len(DELAYS) + 1) == Ended("failed", "HTTP 503, after 6 attempts")


def test_a_delivery_whose_sender_died_many_times_still_ends() -> None:
    assert isinstance(next_step(NotTaken("HTTP 503"), 40), Ended)


@pytest.mark.parametrize("attempts", [1, 6])
def test_the_other_outcomes_end_it_at_once(attempts: int) -> None:
    assert next_step(Taken(), attempts) == Ended("delivered")
    assert next_step(Rejected("SMTP 550"), attempts) == Ended("failed", "SMTP 550")
    assert next_step(NotSent("no address"), attempts) == Ended("suppressed", "no address")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_answer_of_2xx_means_delivered(status: int) -> None:
    assert after_status(status, None, NOW) == Taken()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_receiver_in_trouble_is_tried_again(status: int) -> None:
    assert after_status(status, None, NOW) == NotTaken(f"HTTP {status}")


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410])
def test_a_refusal_or_a_redirect_is_final(status: int) -> None:
    assert after_status(status, None, NOW) == Rejected(f"HTTP {status}")


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("999999999999", 3600),
        ("9" * 400, 0),
        ("Mon, 23 Nov 2026 12:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 12:02:00 -0000", 120),
        ("Mon, 23 Nov 2026 20:02:00 +0800", 120),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_for_time_in_seconds_or_until_a_date(status: int, asked: str, seconds: int) -> None:
    assert after_status(status, asked, NOW) == NotTaken(f"HTTP {status}", timedelta(seconds=seconds))


def test_only_a_receiver_that_is_busy_may_ask_for_time() -> None:
    assert after_status(500, "120", NOW) == NotTaken("HTTP 500")


def test_the_next_attempt_is_not_before_the_time_asked_for_nor_later_than_the_longest_delay() -> None:
    decided = [next_step(NotTaken("HTTP 429", timedelta(seconds=s)), 2) for s in (1, 45, 90_000)]
    assert decided == [Again(timedelta(seconds=s), "HTTP 429") for s in (30, 45, 3600)]


PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "fe80::1%2",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]
LOOPBACK = ["127.0.0.1", "::1", "::ffff:127.0.0.1"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_a_webhook_leads_into_no_private_network(address: str) -> None:
    assert not is_allowed(address, "public")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_webhook_may_lead_to_public_addresses(address: str) -> None:
    modes: tuple[Addresses, ...] = ("public", "loopback", "any")
    assert all(is_allowed(address, mode) for mode in modes)


def test_a_webhook_may_lead_to_this_machine_only_where_that_is_allowed() -> None:
    assert all(is_allowed(address, "loopback") for address in LOOPBACK)
    assert not any(is_allowed(address, "loopback") for address in PRIVATE)
