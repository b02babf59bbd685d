"""The golden samples: messages as they were published, kept as they are. `python -m tests.contracts.samples` says which
fields none of them shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libs.contracts.message import Message, all_messages

SAMPLES = {path.stem: path for path in sorted((Path(__file__).parent / "golden").glob("*.json"))}
"""By name: the message's type, and for a further sample of it what it shows: `wangge.incident.report.v1+floor`."""


def body(name: str) -> bytes:
    return SAMPLES[name].read_bytes()


def class_of(name: str) -> type[Message]:
    found = {cls.type_name(): cls for cls in all_messages()}.get(name.partition("+")[0])
    assert found is not None, f"{name}.json is a sample of no message that there is; a published version stays"
    return found


def lost(sample: Any, written: Any, at: str = "") -> list[str]:
    """What the sample says and the message, read and written today, does not say alike."""
    match sample, written:
        case dict(), dict():
            return [each for name in sample for each in lost(sample[name], written.get(name), f"{at}.{name}")]
        case list(), list() if len(sample) == len(written):
            pairs = enumerate(zip(sample, written, strict=True))
            return [each for n, (before, now) in pairs for each in lost(before, now, f"{at}.{n}")]
    return [] if sample == written else [at.removeprefix(".")]


def unseen() -> Iterator[str]:
    """The fields that were added since a message's samples were taken."""
    for cls in all_messages():
        seen = {field for name in SAMPLES if class_of(name) is cls for field in json.loads(body(name))}
        yield from (f"{cls.type_name()}: {field}" for field in cls.model_fields if field not in seen)


if __name__ == "__main__":
    print("\n".join(unseen()) or "The samples show every field.")
