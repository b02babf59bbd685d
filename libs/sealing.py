"""Contacts are encrypted to notify's public key before they are stored: all services can seal, only notify can open."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from libs.contracts.values import SealedContact


class NotOpened(Exception):
    """The box was sealed to another key, or was changed."""


def key_id(public_key: PublicKey) -> str:
    return sha256(bytes(public_key)).hexdigest()[:16]


MOST_IN_A_BOX = 2700
"""Characters of a box that another box has room for."""


class Sealer:
    """Seals with notify's public keys (32 bytes, base64, separated by commas): with the first, which is the newest."""

    def __init__(self, public_keys: str) -> None:
        keys = [PublicKey(b64decode(each)) for each in public_keys.split(",")]
        self.known = frozenset(map(key_id, keys))
        self.public_key = b64encode(bytes(keys[0])).decode()
        self.key_id = key_id(keys[0])
        self._box = SealedBox(keys[0])

    def seal(self, contact: dict[str, Any]) -> SealedContact:
        plain = json.dumps(contact, ensure_ascii=False).encode()
        return SealedContact(key_id=self.key_id, box=b64encode(self._box.encrypt(plain)).decode())

    def seal_around(self, sealed: SealedContact, tracking_code: str) -> SealedContact:
        """A box of another system, which could not know the tracking code, with that code."""
        return self.seal({"sealed_contact": sealed.model_dump(), "tracking_code": tracking_code})

    def is_box(self, sealed: SealedContact) -> bool:
        """Whether it may be one, as far as anybody can tell who cannot open it."""
        try:
            content = b64decode(sealed.box, validate=True)
        except ValueError:
            return False
        return len(content) > OVERHEAD and len(sealed.box) <= MOST_IN_A_BOX


OVERHEAD = 48
"""Bytes that a sealed box is longer than what is in it."""


class Opener:
    """Opens with notify's private keys (base64, separated by commas, the newest first)."""

    def __init__(self, private_keys: str) -> None:
        keys = [PrivateKey(b64decode(each)) for each in private_keys.split(",")]
        self._boxes = {key_id(key.public_key): SealedBox(key) for key in keys}

    def open(self, sealed: SealedContact) -> dict[str, Any]:
        """The contact. Raises NotOpened."""
        box = self._boxes.get(sealed.key_id)
        if box is None:
            raise NotOpened(f"no private key {sealed.key_id}")
        try:
            contact: dict[str, Any] = json.loads(box.decrypt(b64decode(sealed.box)))
        except (CryptoError, ValueError, RecursionError) as error:
            raise NotOpened(f"the box does not open: {type(error).__name__}") from None
        if not isinstance(contact, dict):
            raise NotOpened("the box holds no contact")
        return contact


def new_key_pair() -> tuple[str, str]:
    """(private, public), base64."""
    private = PrivateKey.generate()
    return b64encode(bytes(private)).decode(), b64encode(bytes(private.public_key)).decode()
