"""Which lines of a notification are left out."""

from __future__ import annotations

import pytest

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
