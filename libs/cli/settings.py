"""The settings of the operator's commands."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.chassis.settings import PostgresUrl
from libs.cli.running import WrongUse


class OperatorSettings(BaseSettings):
    """None is required: a command asks for those that it needs."""

    model_config = SettingsConfigDict(env_prefix="WANGGE_", env_file=".env", extra="ignore", frozen=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers of `topology apply`, separated by commas.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream: 3 on a NATS cluster.")
    service_replicas: int = Field(
        3, ge=1, description="Processes of each service; a consumer hands out 400 unacknowledged messages for each."
    )
    incident_database_url: PostgresUrl | None = Field(None, description="Database of the incident service.")
    dispatch_database_url: PostgresUrl | None = Field(None, description="Database of the dispatch service.")
    scoring_database_url: PostgresUrl | None = Field(None, description="Database of the scoring service.")
    notify_database_url: PostgresUrl | None = Field(None, description="Database of the notify service.")
    notify_public_key: str | None = Field(
        None, description="Public key of notify (32 bytes, base64): `roster import` seals contacts with it."
    )

    def database_url(self, service: str) -> str:
        """Raises WrongUse when it is not set."""
        url: str | None = getattr(self, f"{service}_database_url")
        if url is None:
            raise WrongUse(f"WANGGE_{service.upper()}_DATABASE_URL is not set: the database of the {service} service.")
        return url
