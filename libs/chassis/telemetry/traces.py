"""Traces. A trace spans services, from the report to the notification: `traceparent` is a header of every message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from libs.chassis.settings import ServiceSettings
from libs.chassis.telemetry import metrics
from libs.contracts.cloudevents import TRACEPARENT, Envelope

_propagator = TraceContextTextMapPropagator()


def _context(traceparent: str) -> Context:
    return _propagator.extract({TRACEPARENT: traceparent})


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _sampled(traceparent: str | None) -> bool:
    return traceparent is not None and traceparent[-2:] == "01"


class Spans:
    """The spans of one batch: one for the batch, and one in the trace of each message that is sampled.

    A span costs 87 µs and a link 8 µs, so messages that are not sampled get neither.
    """

    def __init__(self, tracer: Tracer | None, name: str, envelopes: Mapping[UUID, Envelope]) -> None:
        self._came = {id: e.headers.get(TRACEPARENT) for id, e in envelopes.items()}
        self._spans: dict[UUID, Span] = {}
        self._batch: Span | None = None
        if tracer is None:
            return
        sampled = {id: parent for id, parent in self._came.items() if parent is not None and _sampled(parent)}
        for id, parent in sampled.items():
            self._spans[id] = tracer.start_span(
                f"{name} {envelopes[id].headers.get('ce-type', '')}",
                _context(parent),
                SpanKind.CONSUMER,
                {"messaging.system": "nats", "messaging.message.id": str(id)},
            )
        if sampled:
            links = [Link(span.get_span_context()) for span in self._spans.values()]
            self._batch = tracer.start_span(
                f"{name} batch", Context(), links=links, attributes={"batch.size": len(envelopes)}
            )

    def traceparent(self, id: UUID) -> str | None:
        """The traceparent for facts that follow from the message: its span here, or the header that it came with."""
        span = self._spans.get(id)
        return _traceparent(span) if span else self._came.get(id)

    def end(self) -> None:
        for span in (*self._spans.values(), *([self._batch] if self._batch else [])):
            span.end()


class Telemetry:
    """Tracing of one service, and metrics over OTLP; off unless an OTLP endpoint or the console is set."""

    def __init__(self, service: str, settings: ServiceSettings, exporter: SpanExporter | None = None) -> None:
        self._provider: TracerProvider | None = None
        self.tracer: Tracer | None = None
        exporters: list[SpanExporter] = [exporter] if exporter else []
        if settings.otlp_endpoint:
            # Here and not above: it takes a twentieth of a service's start, and most run without an endpoint.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporters.append(OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"))
        if settings.trace_console:
            exporters.append(ConsoleSpanExporter())
        self._metrics = metrics.export(service, settings.otlp_endpoint) if settings.otlp_endpoint else None
        if exporters:
            self._provider = TracerProvider(
                resource=Resource.create({"service.name": f"wangge-{service}"}),
                sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
            )
            for each in exporters:
                self._provider.add_span_processor(BatchSpanProcessor(each))
            self.tracer = self._provider.get_tracer("wangge")

    def spans(self, name: str, envelopes: Mapping[UUID, Envelope]) -> Spans:
        return Spans(self.tracer, name, envelopes)

    @contextmanager
    def span(self, name: str, traceparent: str | None, kind: SpanKind = SpanKind.SERVER) -> Iterator[str | None]:
        """A span that is a child of `traceparent`, or begins a trace; yields the traceparent of the span."""
        if self.tracer is None:
            yield traceparent
            return
        parent = _context(traceparent) if traceparent else Context()
        with self.tracer.start_as_current_span(name, parent, kind) as span:
            yield _traceparent(span)

    def stop(self) -> None:
        if self._provider:
            self._provider.shutdown()
        if self._metrics:
            self._metrics.shutdown()
