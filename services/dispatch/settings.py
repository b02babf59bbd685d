"""What an operator may set for dispatch."""

from __future__ import annotations

from pydantic import Field

from libs.chassis.settings import PostgresUrl, ServiceSettings


class Settings(ServiceSettings):
    database_url: PostgresUrl = Field(
        validation_alias="WANGGE_DISPATCH_DATABASE_URL", description="Database of the dispatch service."
    )
