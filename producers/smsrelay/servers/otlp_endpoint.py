"""The address of an OTLP/HTTP endpoint, to which traces go. Connects to nothing."""

from importlib import metadata
from urllib.parse import urlsplit

_EXPORTER = "opentelemetry-exporter-otlp-proto-http"


def otlp_endpoint(url: str) -> str:
    """The URL unchanged; raises ``ValueError``, which does not quote it, for what is none, or if nothing could export to it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise ValueError("must be http(s)://host:port, perhaps with a path; /v1/traces is added")
    if not _installed():
        raise ValueError("needs OpenTelemetry: pip install 'smsrelay[otel]'")
    return url


def _installed() -> bool:
    """Whether the exporter is there; asks without importing any of it."""
    try:
        metadata.distribution(_EXPORTER)
    except metadata.PackageNotFoundError:
        return False
    return True
