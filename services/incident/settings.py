"""What an operator may set for the incident service."""

from __future__ import annotations

from nacl.exceptions import CryptoError
from pydantic import Field, field_validator

from libs.chassis.settings import PostgresUrl, ServiceSettings
from libs.sealing import Sealer


class Settings(ServiceSettings):
    database_url: PostgresUrl = Field(
        validation_alias="WANGGE_INCIDENT_DATABASE_URL", description="PostgreSQL database of the incident service."
    )
    notify_public_key: str = Field(
        description="Public keys of notify (32 bytes, base64), separated by commas, the newest first: contacts are "
        "sealed with the first before they are stored; other systems may still seal with the others."
    )

    @field_validator("notify_public_key")
    @classmethod
    def _is_a_key(cls, key: str) -> str:
        try:
            Sealer(key)
        except (ValueError, CryptoError):
            raise ValueError("must be notify's public key: 32 bytes in base64") from None
        return key
