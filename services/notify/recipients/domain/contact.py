"""What a sealed contact says once it is opened. What is not an address is left out, not guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from libs.contracts.values import Channel
from services.notify.wording.domain import DEFAULT_LANGUAGE, Language

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, so no quoting and no comments
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
PHONE = re.compile(r"\+?[0-9 ()-]{5,31}")
URL = re.compile(r"https?://[\x21-\x7e]{1,1000}")
CODE = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """A phone is kept though no channel uses it yet: nobody else has it."""

    email: str | None = None
    phone: str | None = None
    webhook_url: str | None = None
    language: Language = DEFAULT_LANGUAGE
    tracking_code: str | None = None

    @property
    def addresses(self) -> frozenset[Channel]:
        found = ((Channel.EMAIL, self.email), (Channel.WEBHOOK, self.webhook_url))
        return frozenset(channel for channel, address in found if address)

    def to_keep(self) -> dict[str, str]:
        """What is encrypted for the person. The tracking code belongs to a case and is kept with it."""
        kept = {"email": self.email, "phone": self.phone, "webhook_url": self.webhook_url}
        return {name: address for name, address in kept.items() if address}


def read_contact(opened: Mapping[str, Any]) -> Contact:
    url = _fitting(URL, opened.get("webhook_url"))
    return Contact(
        email=_fitting(EMAIL, opened.get("email")),
        phone=_fitting(PHONE, opened.get("phone")),
        webhook_url=url if url and _has_host(url) else None,
        language="en" if opened.get("language") == "en" else DEFAULT_LANGUAGE,
        tracking_code=_fitting(CODE, opened.get("tracking_code")),
    )


def _fitting(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
