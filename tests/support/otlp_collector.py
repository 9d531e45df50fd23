"""A collector of traces behind a real socket: decodes what is exported by OTLP/HTTP, and answers as a test says.

``hold`` keeps requests waiting until it is released.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MESSAGE_ID = "messaging.message.id"


@dataclass(frozen=True, slots=True)
class Collected:
    """One span as it arrived."""

    span: Span
    service: str

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def kind(self) -> str:
        return Span.SpanKind.Name(self.span.kind).removeprefix("SPAN_KIND_").lower()

    @property
    def attributes(self) -> dict[str, object]:
        return _values(self.span.attributes)

    @property
    def place(self) -> tuple[bytes, bytes]:
        """What a link to it names."""
        return self.span.trace_id, self.span.span_id

    @property
    def links(self) -> list[tuple[bytes, bytes]]:
        return [(link.trace_id, link.span_id) for link in self.span.links]

    @property
    def parent(self) -> tuple[bytes, bytes] | None:
        return (self.span.trace_id, self.span.parent_span_id) if self.span.parent_span_id else None

    @property
    def failed(self) -> bool:
        return self.span.status.code == Status.STATUS_CODE_ERROR


@dataclass
class Collector:
    """What arrived, in the order of its end."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200
    requests: int = 0
    released: threading.Event = field(default_factory=threading.Event)  # not set: requests wait

    def hold(self) -> None:
        self.released.clear()

    def release(self) -> None:
        self.released.set()

    @property
    def spans(self) -> list[Collected]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = str(_values(resource.resource.attributes)["service.name"])
                found += [Collected(span, service) for scope in resource.scope_spans for span in scope.spans]
        return sorted(found, key=lambda one: one.span.end_time_unix_nano)

    def of(self, message_id: str) -> list[Collected]:
        """The spans that name a message, and those inside them."""
        named = [one for one in self.spans if one.attributes.get(MESSAGE_ID) == message_id]
        places = {one.place for one in named}
        return [one for one in self.spans if one.place in places or one.parent in places]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.collector.requests += 1
        self.collector.released.wait()
        status = self.collector.status if self.path == "/v1/traces" else 404
        if status == 200:
            self.collector.bodies.append(body)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that was killed, or gave up, is no error of the collector's."""


@contextmanager
def otlp_collector() -> Iterator[Collector]:
    """Run one on a free port."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        collector = Handler.collector = Collector(f"http://127.0.0.1:{server.server_port}")
        collector.release()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.release()
            server.shutdown()
            thread.join()


def _values(attributes: "list[KeyValue]") -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}
