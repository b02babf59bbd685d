"""Which lines of a notification are left out, and which answers of a receiver mean that it has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.contracts.dispatch import OrderOffered
from libs.contracts.values import Appointment
from services.notify.audience.domain import RULES, parameters
from services.notify.channels.domain import Outcome, Rejected, Taken, after_status
from services.notify.wording.domain import Template, Wording, say
from tests.support.providers import OUTGOING


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


OFFERED = Path(__file__).parents[1] / "contracts" / "golden" / "wangge.dispatch.offered.v1.json"


def test_values_are_said_as_text_with_times_of_the_street() -> None:
    noon = datetime(2026, 11, 23, 4, tzinfo=UTC)
    expected = Appointment(starts_at=noon, ends_at=noon + timedelta(hours=2))
    changes = {"appointment": expected, "documents": ("户口簿", "身份证"), "claim_by": noon}
    order = OrderOffered.model_validate_json(OFFERED.read_bytes()).model_copy(update=changes)
    rule = replace(RULES[OrderOffered], says=("appointment", "documents", "claim_by"))
    assert parameters(order, rule) == {
        "appointment": "2026-11-23 12:00 – 2026-11-23 14:00",
        "documents": "户口簿, 身份证",
        "claim_by": "2026-11-23 12:00",
    }
    assert parameters(order.model_copy(update={"appointment": None}), rule)["appointment"] == ""


def test_what_is_sent_to_somebody_is_not_shown_where_it_is_logged() -> None:
    assert OUTGOING.message.text not in repr(OUTGOING)
    assert OUTGOING.case_no not in repr(OUTGOING)
