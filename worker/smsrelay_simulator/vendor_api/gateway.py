"""The API gateway in front of the vendor: checks credentials, and that no nonce is used twice."""

import time
from collections.abc import Callable, Mapping

from smsrelay_simulator.options import Options
from smsrelay_simulator.outcome import HALTED, REFUSED
from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS, GatewayError
from smsrelay_simulator.vendor_api.signature import matches, string_to_sign

_UNAUTHORIZED = GATEWAY_ERRORS["unauthorized"]
_NONCE_USED = GatewayError(REFUSED, 403, "S403NU", "Nonce Used")
_TIMESTAMP_EXPIRED = GatewayError(HALTED, 403, "S403TE", "X-Ca-Timestamp is expired")
_TIMESTAMP_WINDOW = 900.0  # seconds
_NOT_IN_HEADER = str.maketrans({"\n": "#", "\r": "#"})


class Gateway:
    """Checks AppCode or signature, then the nonce."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock
        self._nonces: set[int] = set()  # hashes, so that a million submits fit in memory

    def refusal(self, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> GatewayError | None:
        """The error with which the gateway refuses this POST, or None when it lets it through."""
        if "x-ca-key" in headers:
            return self._signature_error(path, headers, form) or self._nonce_error(headers)
        return self._appcode_error(headers) or self._nonce_error(headers)

    def clear(self) -> None:
        """Forget all nonces."""
        self._nonces.clear()

    def _appcode_error(self, headers: Mapping[str, str]) -> GatewayError | None:
        scheme, _, code = headers.get("authorization", "").partition(" ")
        if scheme != "APPCODE" or not code.strip():
            return _UNAUTHORIZED
        if self._options.appcode is not None:
            return None if code.strip() == self._options.appcode else _UNAUTHORIZED
        return _UNAUTHORIZED if self._options.app_key is not None else None

    def _signature_error(self, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> GatewayError | None:
        given, options = headers.get("x-ca-signature", ""), self._options
        if options.app_key is None:
            return None if given and options.appcode is None else _UNAUTHORIZED
        if headers["x-ca-key"] != options.app_key:
            return _UNAUTHORIZED
        if self._expired(headers.get("x-ca-timestamp")):
            return _TIMESTAMP_EXPIRED
        text = string_to_sign("POST", path, headers, form)
        return None if matches(given, options.app_secret or "", text) else _bad_signature(text)

    def _expired(self, timestamp: str | None) -> bool:
        if timestamp is None:
            return False
        return not timestamp.isdecimal() or abs(self._clock() - int(timestamp) / 1000) > _TIMESTAMP_WINDOW

    def _nonce_error(self, headers: Mapping[str, str]) -> GatewayError | None:
        nonce = headers.get("x-ca-nonce")
        if nonce is None:
            return None
        if hash(nonce) in self._nonces:
            return _NONCE_USED
        self._nonces.add(hash(nonce))
        return None


def _bad_signature(text: str) -> GatewayError:
    # Like the real gateway, show the text with recipient and parameters: a client that logs error messages leaks them.
    shown = text.translate(_NOT_IN_HEADER).encode("latin-1", "replace").decode("latin-1")
    return GatewayError(HALTED, 403, "A403IS", f"Invalid Signature, Server StringToSign:`{shown}`")
