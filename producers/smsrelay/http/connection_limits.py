"""ConnectionLimits: what one caller, and all callers together, may take of a server. Anybody on the internet may connect."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits for each connection, for each caller, and in total."""

    head_bytes: int = 16 * 1024  # of a request's head, with its URL
    message_bytes: int = 1024 * 1024  # of a body as sent: a chunked one is longer than its content
    head_seconds: float = 10.0  # from connecting, or from a request's first byte, to the end of its head
    body_seconds: float = 10.0  # from there to the end of its body
    answer_seconds: float = 10.0  # for a caller to read its answer
    refused_seconds: float = 10.0  # for a caller to read that it is refused
    pipelined: int = 64  # requests queued behind an unanswered one on the same connection
    yields_after: float = 1.0  # seconds after which an unfinished head may be closed in favour of a new connection
    connections: int = 512
    per_address: int = 256
