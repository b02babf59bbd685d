"""What is mended of a stream or a consumer, and what of it an operator may have set: decided from values only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.chassis.messaging.jetstream_api import moment
from libs.chassis.messaging.topology import (
    DAY,
    INBOX_DAYS,
    SECOND,
    consumer_config,
    from_where,
    mended_consumer,
    mended_stream,
    stream_config,
)

STREAM = stream_config("scoring", 3)
CONSUMER = consumer_config("scoring", ["b", "a"], 2)
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def test_what_is_as_it_should_be_stays_as_it_is() -> None:
    assert mended_stream(STREAM, STREAM) == STREAM
    assert mended_consumer(CONSUMER, CONSUMER) == CONSUMER


@pytest.mark.parametrize(
    "own", [{"num_replicas": 5}, {"max_bytes": 10}, {"placement": {"cluster": "c"}}, {"of_the_future": {"a": 1}}]
)
def test_what_an_operator_has_set_of_a_stream_is_kept(own: dict[str, Any]) -> None:
    assert mended_stream({**STREAM, **own}, STREAM) == {**STREAM, **own}


@pytest.mark.parametrize(
    ("there", "mended"),
    [(DAY, 7 * DAY), (30 * DAY, 30 * DAY), (0, 0)],
    ids=["shorter", "longer", "for ever"],
)
def test_messages_are_never_kept_for_less_time_than_now(there: int, mended: int) -> None:
    assert mended_stream({**STREAM, "max_age": there}, STREAM)["max_age"] == mended


def test_a_stream_never_loses_a_subject_and_gets_those_that_it_lacks() -> None:
    other = {**STREAM, "subjects": ["wangge.*.scoring.older.>"], "allow_atomic": False, "duplicate_window": SECOND}
    mended = mended_stream(other, STREAM)
    assert set(mended["subjects"]) == {"wangge.*.scoring.older.>", *STREAM["subjects"]}
    assert (mended["allow_atomic"], mended["duplicate_window"]) == (True, STREAM["duplicate_window"])


def test_a_consumer_is_given_the_subjects_that_it_lacks_and_never_gives_up_a_message() -> None:
    other = {**CONSUMER, "filter_subjects": None, "filter_subject": "c", "max_deliver": 5, "backoff": [1]}
    mended = mended_consumer({k: v for k, v in other.items() if v is not None}, CONSUMER)
    assert mended is not None
    assert (mended["filter_subjects"], mended["max_deliver"]) == (["a", "b", "c"], -1)
    assert not {"filter_subject", "backoff"} & mended.keys()


def test_how_much_a_consumer_hands_out_is_the_operators() -> None:
    assert CONSUMER["max_ack_pending"] == 800
    mended = mended_consumer({**CONSUMER, "max_ack_pending": 400}, CONSUMER)
    assert mended is not None
    assert mended["max_ack_pending"] == 400


@pytest.mark.parametrize("other", [{"ack_policy": "none"}, {"deliver_subject": "somewhere"}])
def test_what_cannot_be_changed_into_the_consumer_is_to_be_made_anew(other: dict[str, Any]) -> None:
    assert mended_consumer({**CONSUMER, **other}, CONSUMER) is None


@pytest.mark.parametrize(
    ("max_age", "all_of_it"), [(7 * DAY, True), (10 * DAY, True), (10 * DAY + 1, False), (0, False)]
)
def test_a_new_consumer_begins_at_the_start_unless_the_inbox_has_forgotten_that(max_age: int, all_of_it: bool) -> None:
    begins = from_where({"max_age": max_age}, NOW)
    if all_of_it:
        assert begins == {"deliver_policy": "all"}
    else:
        assert begins["deliver_policy"] == "by_start_time"
        assert moment(begins["opt_start_time"]) == NOW - timedelta(days=INBOX_DAYS - 1)


@pytest.mark.parametrize(
    ("said", "microsecond"),
    [("2026-11-23T04:00:00Z", 0), ("2026-11-23T04:00:00.5Z", 500_000), ("2026-11-23T04:00:00.123456789Z", 123_456)],
)
def test_a_moment_is_read_to_the_microsecond(said: str, microsecond: int) -> None:
    assert moment(said) == NOW.replace(microsecond=microsecond)
