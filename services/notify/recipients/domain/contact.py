"""What a sealed contact says once it is opened. What is not an address is left out, not guessed at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from libs.contracts.values import Channel
from services.notify.channels.domain import Address
from services.notify.wording.domain import DEFAULT_LANGUAGE, Language

PHONE = re.compile(r"\+?[0-9 ()-]{5,31}")
CODE = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """`to_keep` is encrypted for the person: the address of each of `channels`, and a phone, though no channel uses it
    yet: nobody else has it. The tracking code belongs to a case and is kept with it.
    """

    to_keep: Mapping[str, str]
    channels: frozenset[Channel]
    language: Language = DEFAULT_LANGUAGE
    tracking_code: str | None = None


def read_contact(opened: Mapping[str, Any], addresses: Mapping[Channel, Address]) -> Contact:
    """`addresses`: what each channel calls its own, and which fit."""
    channels, kept = set(), {}
    if phone := _fitting(PHONE.fullmatch, opened.get("phone")):
        kept["phone"] = phone
    for channel, address in addresses.items():
        if given := _fitting(address.fits, opened.get(address.name)):
            kept[address.name] = given
            channels.add(channel)
    return Contact(
        kept,
        frozenset(channels),
        language="en" if opened.get("language") == "en" else DEFAULT_LANGUAGE,
        tracking_code=_fitting(CODE.fullmatch, opened.get("tracking_code")),
    )


def _fitting(fits: Callable[[str], object], value: object) -> str | None:
    return value if isinstance(value, str) and fits(value) else None
