"""The settings of every service. docs/settings.md is generated from the descriptions of the fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import AwareDatetime, Field, PrivateAttr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.map_links import MAP_LINK

T = TypeVar("T")

PostgresUrl = Annotated[str, Field(pattern=r"^postgres(ql)?://")]


class ServiceSettings(BaseSettings):
    """The settings that every service has, from the environment (`WANGGE_` and the field's name)."""

    model_config = SettingsConfigDict(env_prefix="WANGGE_", env_file=".env", extra="ignore", frozen=True)

    nats_url: str = Field(
        "nats://127.0.0.1:4222",
        description="NATS servers, separated by commas. With user and password where needed.",
    )
    map_link: str = Field(
        MAP_LINK,
        pattern=r"^https?://.*\{longitude\}.*\{latitude\}|^https?://.*\{latitude\}.*\{longitude\}",
        description="Opens a map at a point of WGS84; {longitude} and {latitude} stand for its degrees.",
    )
    http_host: str = Field("127.0.0.1", description="Address that the HTTP server listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP server.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    database_pool_size: int = Field(10, ge=2, description="Connections to PostgreSQL that a process may hold.")
    database_lock_seconds: float = Field(
        3.0, gt=0, description="How long a statement waits for somebody else's lock before its work is given back."
    )
    database_free_seconds: float = Field(
        4.0, gt=0, description="How long work waits for a connection while all of them are in use."
    )
    request_seconds: float = Field(
        9.0,
        gt=0,
        description="The longest wait for an answer, then it is 503; ten times that for an import of a list.",
    )
    batch_size: int = Field(200, ge=1, le=1000, description="Messages that are handled in one transaction at most.")
    relay_batch_size: int = Field(
        500,
        ge=1,
        le=1000,
        description="Outbox rows that are published in one turn; JetStream takes 1000 at most.",
    )
    relay_poll_seconds: float = Field(
        0.25, gt=0, description="How often the relay looks for rows that a crashed process left behind."
    )
    stream_replicas: int = Field(
        1, ge=1, le=5, description="Copies of the service's stream where it has to make it: 3 on a NATS cluster."
    )
    service_replicas: int = Field(
        3,
        ge=1,
        description="Processes of the service: where it has to make a consumer, that hands out 400 unacknowledged "
        "messages for each.",
    )
    sweep_seconds: float = Field(0.5, gt=0, description="How often due timers and retries are looked for.")
    group_commit_size: int = Field(100, ge=1, description="Requests that are committed together at most.")
    drain_seconds: float = Field(
        0.0,
        ge=0,
        description="Time between SIGTERM, when /ready turns false, and the end of accepting requests.",
    )
    graceful_timeout_seconds: float = Field(
        20.0, gt=0, description="Time that running work has to finish when the service stops."
    )
    otlp_endpoint: str = Field("", description="OTLP/HTTP address for traces and metrics; empty switches them off.")
    trace_console: bool = Field(False, description="Write traces to standard output instead.")
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of the reports that are traced.")
    clock_speed: float = Field(1.0, gt=0, description="Domain time per real time; other than 1 only in demonstrations.")
    clock_epoch: AwareDatetime = Field(
        datetime(2000, 1, 1, tzinfo=UTC),
        description="Moment at which domain time and real time are the same, when the speed is not 1.",
    )

    database_url: PostgresUrl

    _made: dict[Callable[..., Any], Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, holder: Any) -> Self:
        """The settings of the process that runs this: `holder` is a batch, `request.app.state` or the service."""
        settings = holder.settings
        if not isinstance(settings, cls):
            raise TypeError(f"{type(settings).__module__} are not the settings of {cls.__module__}")
        return settings

    def once(self, make: Callable[[Self], T]) -> T:
        """What is made of the settings, such as a file that one of them names: when first asked for, then kept."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(T, self._made[make])

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return level.upper()
