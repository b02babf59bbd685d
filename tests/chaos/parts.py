"""The names of everything that can break."""

from __future__ import annotations

from libs.contracts.services import SERVICES

REPLICAS_EACH = 2
NODES = ("nats-1", "nats-2", "nats-3")
POSTGRES = "postgres"
CLIENTS = "clients"


def replicas() -> list[str]:
    """The name of every process of a service, such as dispatch-2."""
    return [f"{service}-{number}" for service in SERVICES for number in range(1, REPLICAS_EACH + 1)]


def service_of(replica: str) -> str:
    return replica.rpartition("-")[0]
