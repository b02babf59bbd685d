"""What an operator may set for the scoring service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from libs.chassis.settings import PostgresUrl, ServiceSettings


class Settings(ServiceSettings):
    database_url: PostgresUrl = Field(
        validation_alias="WANGGE_SCORING_DATABASE_URL", description="PostgreSQL database of the scoring service."
    )
    rules_file: Path | None = Field(
        None,
        validation_alias="WANGGE_SCORING_RULES_FILE",
        description="Rules of points (TOML), read at the start; without it, those that come with the service.",
    )
