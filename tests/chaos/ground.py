"""What load and checks need to know of the street that they run on."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from deploy.local.linghe.street import Street
from libs.chassis.clock import Clock


class Ground(Protocol):
    """Clients use `urls` and `nats_url`; the checks use what faults do not reach. Several NATS urls have commas.

    `urls` are those of the replicas of each service. `provider_log` are JSON lines of the webhook provider, one for
    each call that it received: the delivery's id as `key`, and what was `answered`. `webhook_url` is the address of
    that provider, None where there is none.
    """

    @property
    def tenant(self) -> str: ...
    @property
    def street(self) -> Street: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def urls(self) -> dict[str, list[str]]: ...
    @property
    def nats_url(self) -> str: ...
    @property
    def nats_direct_url(self) -> str: ...
    @property
    def sealing_key(self) -> str: ...
    @property
    def provider_log(self) -> Path: ...
    @property
    def webhook_url(self) -> str | None: ...

    def database_url(self, service: str) -> str: ...
