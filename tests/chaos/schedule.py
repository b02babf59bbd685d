"""What goes wrong when: a pure function of seed and minutes, so that a run can be repeated."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from libs.chassis.messaging import topology
from libs.contracts.services import SERVICES
from libs.contracts.streams import stream_name
from tests.chaos.parts import NODES, replicas, service_of
from tests.chaos.provider import MOODS
from wangge.wiring import handled

GAP_SECONDS = (1.0, 5.0)
RARELY = 1 / 8
OUTAGE_REST = 4.0
"""After an outage of all that others stand on, four times as long without: it is away a fifth of the time at most."""

Target = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. `guards` are the parts of which only one such fault at a time may have hold, the target itself
    where none is named; they stay held for `rest` times as long as the fault lasts, after it."""

    name: str
    targets: tuple[Target, ...]
    lasts: tuple[float, float]
    rarely_lasts: tuple[float, float] | None = None
    strengths: tuple[float, float] = (0.0, 0.0)
    guards: tuple[str, ...] = ()
    rest: float = 0.0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come. `strength` is a delay, or the wrong of a clock, in seconds."""

    at_seconds: float
    kind: str
    target: Target
    lasts_seconds: float
    strength: float
    guards: tuple[str, ...]


def _each(parts: list[str] | tuple[str, ...]) -> tuple[Target, ...]:
    return tuple((part,) for part in parts)


POSTGRES, CLUSTER = ("postgres",), ("the NATS cluster",)
ALL_NODES: tuple[Target, ...] = (NODES, NODES[:2], NODES[1:])
WIRES: tuple[Target, ...] = (
    *((replica, "nats") for replica in replicas()),
    *((replica, "postgres") for replica in replicas()),
    *(("clients", replica) for replica in replicas() if replica.startswith(("incident", "dispatch"))),
    ("clients", "nats"),
)
STREAMS = _each([stream_name(service) for service in SERVICES])
CONSUMERS: tuple[Target, ...] = tuple((stream, consumer) for stream, consumer, _ in topology.consumers(handled()))
TABLES: tuple[Target, ...] = (
    ("incident", "cases"),
    ("dispatch", "orders"),
    ("scoring", "transactions"),
    ("notify", "deliveries"),
    ("dispatch", "inbox"),
    ("incident", "outbox"),
)
PAIRS: tuple[Target, ...] = tuple(tuple(r for r in replicas() if service_of(r) == service) for service in SERVICES)
HOUR = 3600.0

KINDS: tuple[Kind, ...] = (
    Kind("service killed", _each(replicas()), (0.1, 3), weight=4),
    Kind("service stopped", _each(replicas()), (0.5, 6), (30, 60), weight=3),
    Kind("NATS node killed", _each(NODES), (0.1, 6), guards=CLUSTER, rest=1, weight=2),
    Kind("NATS node stopped", _each(NODES), (0.5, 6), (15, 60), guards=CLUSTER, rest=1, weight=2),
    Kind("NATS node cut off", _each(NODES), (2, 8), (15, 40), guards=CLUSTER, rest=1, weight=2),
    Kind("NATS cluster killed", ALL_NODES, (0.1, 4), guards=CLUSTER, rest=OUTAGE_REST),
    Kind("PostgreSQL killed", _each(POSTGRES), (0.1, 2), guards=POSTGRES, rest=OUTAGE_REST, weight=2),
    Kind("PostgreSQL stopped", _each(POSTGRES), (0.5, 4), (8, 15), guards=POSTGRES, rest=OUTAGE_REST),
    Kind("wire slow", WIRES, (2, 10), strengths=(0.01, 0.3), weight=3),
    Kind("wire stalled, then reset", WIRES, (1, 8), weight=3),
    Kind("wire reset", WIRES, (0, 0), weight=3),
    Kind("NATS node's disk full", _each(NODES), (1, 6), guards=CLUSTER, rest=1),
    Kind("disk of every NATS node full", (NODES,), (1, 4), guards=CLUSTER, rest=OUTAGE_REST),
    Kind("PostgreSQL's disk full", _each(POSTGRES), (0.5, 4), guards=POSTGRES, rest=OUTAGE_REST),
    Kind("clock wrong", _each(replicas()), (3, 15), strengths=(-6 * HOUR, 6 * HOUR), weight=2),
    *(Kind(f"provider says {mood}", (("provider",),), (2, 8)) for mood in MOODS),
    Kind("rolling restart", PAIRS, (0, 0)),
    Kind("consumer deleted", CONSUMERS, (0, 0), guards=CLUSTER),
    Kind("stream deleted", STREAMS, (0, 0), guards=CLUSTER, rest=1),
    Kind("stream purged", STREAMS, (0, 0), guards=CLUSTER),
    Kind("store wiped", (NODES,), (0.5, 3), guards=CLUSTER, rest=OUTAGE_REST),
    Kind("store put back to an older copy", (NODES,), (2, 6), guards=CLUSTER, rest=OUTAGE_REST),
    Kind("table locked", TABLES, (2, 6), (12, 20), guards=POSTGRES, rest=OUTAGE_REST),
    Kind("rows locked", TABLES, (2, 10), guards=POSTGRES, rest=1),
    Kind("PostgreSQL read-only", _each(POSTGRES), (1, 4), guards=POSTGRES, rest=OUTAGE_REST),
    Kind("connections used up", _each(POSTGRES), (1, 4), guards=POSTGRES, rest=OUTAGE_REST),
    Kind("all backends terminated", _each(POSTGRES), (0, 0), guards=POSTGRES, rest=1),
    Kind("next version beside the old", _each(replicas()), (5, 20)),
)


def schedule(seed: int, minutes: float, kinds: tuple[Kind, ...] = KINDS) -> list[Planned]:
    """Faults in the order in which they begin, the first round with each kind once; none lasts beyond the end."""
    rng = Random(seed)
    end = minutes * 60
    free_at: defaultdict[str, float] = defaultdict(float)
    planned: list[Planned] = []
    bag = rng.sample(kinds, len(kinds))
    at = rng.uniform(*GAP_SECONDS)
    while at < end:
        found = _first_free(bag, free_at, at, rng)
        if found is None:
            # What is left of the bag must wait for its turn; others need not.
            bag += _another_bag(kinds, rng)
            found = _first_free(bag, free_at, at, rng)
        if found is not None:
            kind, target, guards = found
            bag.remove(kind)
            lasts = _duration(kind, rng)
            for guard in guards:
                free_at[guard] = at + lasts * (1 + kind.rest)
            if at + lasts < end:
                planned.append(Planned(at, kind.name, target, lasts, rng.uniform(*kind.strengths), guards))
        bag = bag or _another_bag(kinds, rng)
        at += rng.uniform(*GAP_SECONDS)
    return planned


def one_of_each(seed: int, kinds: tuple[Kind, ...] = KINDS) -> list[Planned]:
    """Every kind once, for half as long as it may usually last, to be done one after the other."""
    rng = Random(seed)
    return [
        Planned(0.0, kind.name, rng.choice(kind.targets), sum(kind.lasts) / 2, rng.uniform(*kind.strengths), ())
        for kind in kinds
    ]


def _another_bag(kinds: tuple[Kind, ...], rng: Random) -> list[Kind]:
    every = [kind for kind in kinds for _ in range(kind.weight)]
    return rng.sample(every, len(every))


def _first_free(
    bag: list[Kind], free_at: defaultdict[str, float], at: float, rng: Random
) -> tuple[Kind, Target, tuple[str, ...]] | None:
    """The first of the bag that may happen now, and to what."""
    for kind in bag:
        for target in rng.sample(kind.targets, len(kind.targets)):
            guards = kind.guards or (("→".join(target),) if target in WIRES else target)
            if all(free_at[guard] <= at for guard in guards):
                return kind, target, guards
    return None


def _duration(kind: Kind, rng: Random) -> float:
    usual, rare = rng.uniform(*kind.lasts), rng.random()
    if kind.rarely_lasts is None or rare >= RARELY:
        return usual
    return rng.uniform(*kind.rarely_lasts)
