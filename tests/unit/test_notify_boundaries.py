"""Which lines of a notification are left out, and which answers of a receiver mean that it has it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notify.domain.attempt import Outcome, Rejected, Taken, after_status
from services.notify.domain.wording import Template, Wording, say


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Nothing is asked of you.", "Nothing is asked of you.\n"),
        ("By {member}", "By Li\n"),
        ("By {member} {note}", "By Li\n"),
        ("Note: {note}", "\n"),
        ("Note: {unheard_of}", "\n"),
    ],
)
def test_a_line_is_left_out_exactly_when_none_of_its_values_is_there(line: str, said: str) -> None:
    wording = Wording({"closed": Template("Closed", line)}, {})
    assert say(wording, "closed", {"member": "Li", "note": ""}).text.replace(" \n", "\n") == said


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (199, Rejected("HTTP 199")),
        (200, Taken()),
        (299, Taken()),
        (300, Rejected("HTTP 300")),
        (499, Rejected("HTTP 499")),
    ],
)
def test_a_receiver_has_it_from_200_to_299(status: int, outcome: Outcome) -> None:
    assert after_status(status, None, datetime(2026, 11, 23, 4, tzinfo=UTC)) == outcome
