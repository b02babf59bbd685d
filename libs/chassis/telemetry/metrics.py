"""Every metric of a service: for Prometheus at `/metrics`, and over OTLP where an endpoint is set."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

# Labels hold types and services, never a tenant, a grid or a person.
HANDLED = Counter("wangge_messages", "Messages by what became of them", ["service", "type", "outcome"])
BATCH_SECONDS = Histogram(
    "wangge_batch_seconds",
    "Time of one batch, transaction included",
    ["service", "kind"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PUBLISHED = Counter("wangge_published", "Messages that the relay published", ["service"])
UNSENT_AGE = Gauge("wangge_outbox_oldest_unsent_seconds", "Age of the oldest unsent outbox row", ["service"])
LOST = Counter("wangge_facts_lost", "Facts that the stream lost and the outbox does not have any more", ["service"])
PARKED = Gauge("wangge_dead_letters", "Messages that were given up and wait for an operator", ["service"])
LATE_TIMERS = Gauge("wangge_timers_late_seconds", "How late the oldest due timer is", ["service"])
FETCH_AGE = Gauge("wangge_fetch_age_seconds", "Time since the broker last answered a consumer", ["service", "stream"])
FAILING = Gauge("wangge_failing_seconds", "How long something has been failing again and again", ["service", "work"])
REQUEST_SECONDS = Histogram(
    "wangge_request_seconds",
    "Time of one HTTP request",
    ["service", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def count(service: str, outcome: str, types: Iterable[str]) -> None:
    for each, number in Counts(types).items():
        HANDLED.labels(service, each, outcome).inc(number)


def export(service: str, endpoint: str, reader: MetricReader | None = None) -> MeterProvider:
    """Send every counter, gauge, and each histogram's sum and count, to an OTLP endpoint once a minute."""
    if reader is None:
        # Here and not above: it takes a twentieth of a service's start, and most run without an endpoint.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{endpoint.rstrip('/')}/v1/metrics"))
    provider = MeterProvider([reader], Resource.create({"service.name": f"wangge-{service}"}))
    meter = provider.get_meter("wangge")
    for family in REGISTRY.collect():
        if not family.name.startswith("wangge_"):
            continue
        match family.type:
            case "counter":
                meter.create_observable_counter(f"{family.name}_total", [_observe(f"{family.name}_total")])
            case "histogram":
                for part in ("sum", "count"):
                    meter.create_observable_counter(f"{family.name}_{part}", [_observe(f"{family.name}_{part}")])
            case _:
                meter.create_observable_gauge(family.name, [_observe(family.name)])
    return provider


def _observe(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_: CallbackOptions) -> Iterable[Observation]:
        samples = (sample for family in REGISTRY.collect() for sample in family.samples)
        return [Observation(sample.value, dict(sample.labels)) for sample in samples if sample.name == name]

    return read
