"""Access denied: errors that someone must fix in a setting or on the server, as opposed to an outage that ends by itself.

Takes an exception of redis-py, kombu or amqp; returns a sentence of our own. The server's words are never quoted: a Redis that
does not know HELLO repeats its arguments, and one of those is the password.
"""

import re
import ssl
from collections.abc import Iterator

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from redis.exceptions import AuthenticationError, InvalidResponse, NoPermissionError, ResponseError

from smsrelay.servers.failover.primary_unknown import PrimaryUnknown

_UNKNOWN_ISSUER = "is not signed by an authority that this host trusts; name yours with ssl_ca_certs"
_OTHER_HOST = "is not for the host that the URL names"
_CERTIFICATE = {  # by OpenSSL's verification error code
    9: "is not valid yet",
    10: "has expired",
    **dict.fromkeys((2, 18, 19, 20, 21), _UNKNOWN_ISSUER),
    **dict.fromkeys((62, 64), _OTHER_HOST),
}
_LOGIN = "user or password is wrong or missing"
_ACCESS = re.compile(r"access to (queue|exchange) '([^']*)'")  # RabbitMQ's words
_NO_TLS = "the server there does not speak TLS"
_NOT_ANSWERED = "it does not answer the TLS handshake; perhaps it does not speak TLS"
_NOT_PEM = "a file that ssl_ca_certs, ssl_certfile or ssl_keyfile names is not PEM, or the key does not match the certificate"
_REDIS: dict[type[Exception], str] = {
    AuthenticationError: _LOGIN,
    NoPermissionError: "the user lacks a permission",
    InvalidResponse: "the server there is not a Redis",
}
_ENDED = "it ended the TLS handshake; it may want a client certificate (ssl_certfile, ssl_keyfile)"


def why_denied(error: BaseException) -> str | None:
    """Why the server denies us access; None for anything else, such as a server that is merely down."""
    return next(filter(None, map(_of_one, _chain(error))), None)


def explain(error: BaseException, reason: str) -> str:
    """The reason why access is denied, if it is, else ``reason``. Redis's own error code stays in front."""
    denied = why_denied(error)
    if denied is None:
        return reason
    code, colon, _ = reason.partition(": ")
    return f"{code}: {denied}" if colon and code.isupper() else denied


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_one(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        return _of_tls(error)
    return _of_rabbitmq(error) if isinstance(error, AMQPError) else _of_redis(error)


def _of_tls(error: OSError) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate {_CERTIFICATE.get(error.verify_code, 'is not trusted')}"
    if isinstance(error, TimeoutError):
        return _NOT_ANSWERED if "handshake" in str(error) else None
    if not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return _NO_TLS
    if isinstance(error, ssl.SSLEOFError) or "ALERT" in reason:
        return _ENDED
    return _NOT_PEM if error.library in {"X509", "PEM", "ASN1"} or "PEM lib" in str(error) else None


def _of_rabbitmq(error: AMQPError) -> str | None:
    if isinstance(error, AccessRefused):
        refused = _ACCESS.search(error.reply_text or "")
        return f"the user may not use {refused[1]} {refused[2]}" if refused else _LOGIN
    return "there is no such virtual host, or the user may not access it" if isinstance(error, NotAllowed) else None


def _of_redis(error: BaseException) -> str | None:
    if isinstance(error, PrimaryUnknown):
        return error.reason if error.denied else None
    for kind, sentence in _REDIS.items():
        if isinstance(error, kind):
            return sentence
    answer = str(error) if isinstance(error, ResponseError) else ""
    if answer.startswith(("unknown command 'HELLO'", "unknown command `HELLO`", "NOPROTO")):
        return "it does not know HELLO: it is older than Redis 6, or a proxy; Redis 6.2 or newer is needed"
    return "it has no database of that number" if answer.startswith(("DB index", "invalid DB index")) else None
