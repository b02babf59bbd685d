"""Addresses at rest: encrypted under a key for each person, so that erasing the key erases the person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random
from pydantic import ValidationError

from libs.contracts.values import SealedContact
from libs.sealing import NotOpened, Opener
from services.notify.channels.clients import ADDRESSES
from services.notify.recipients.domain.contact import Contact, read_contact
from services.notify.settings import Settings


def new_key() -> bytes:
    return random(SecretBox.KEY_SIZE)


def encrypt(key: bytes, values: Mapping[str, str]) -> bytes:
    return bytes(SecretBox(key).encrypt(json.dumps(values).encode()))


def decrypt(key: bytes | None, ciphertext: bytes | None) -> dict[str, str]:
    """Nothing when the person was erased, or when the ciphertext is from before a person was erased and came back."""
    if key is None or ciphertext is None:
        return {}
    try:
        values: dict[str, str] = json.loads(SecretBox(key).decrypt(ciphertext))
    except CryptoError:
        return {}
    return values


@cache
def _opener() -> Opener:
    return Opener(Settings().notify_private_key)


def open_contact(sealed: SealedContact) -> Contact | None:
    """None when the box does not open or holds no contact: anybody can seal anything.

    Another system's box comes in a box of incident's, which adds the tracking code.
    """
    try:
        opened = _opener().open(sealed)
        if inner := opened.get("sealed_contact"):
            contact = _opener().open(SealedContact.model_validate(inner))
            opened = {**contact, "tracking_code": opened.get("tracking_code")}
    except (NotOpened, ValidationError):
        return None
    return read_contact(opened, ADDRESSES)
