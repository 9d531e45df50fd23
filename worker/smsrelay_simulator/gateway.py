"""The gateway's door: who may call, and no nonce twice.

Enters: a request's path, headers and form. Leaves: None, or the refusal (a preset) the gateway answers with.
"""

import time
from collections.abc import Callable, Mapping

from smsrelay_simulator.options import Options
from smsrelay_simulator.preset import HALTED, PRESETS, REFUSED, Preset
from smsrelay_simulator.signature import matches, string_to_sign

_UNAUTHORIZED = PRESETS["unauthorized"]
_NONCE_USED = Preset(REFUSED, 403, "S403NU", "Nonce Used")
_TIMESTAMP_EXPIRED = Preset(HALTED, 403, "S403TE", "X-Ca-Timestamp is expired")
_TIMESTAMP_WINDOW = 900.0  # seconds
_NOT_IN_HEADER = str.maketrans({"\n": "#", "\r": "#"})


class Gateway:
    """Checks AppCode or signature, then the nonce."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock
        self._nonces: set[int] = set()  # hashes: a million submits must fit in memory

    def refusal(self, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Preset | None:
        """Why the gateway does not let this POST through, or None."""
        if "x-ca-key" in headers:
            return self._unsigned(path, headers, form) or self._replayed(headers)
        return self._without_appcode(headers) or self._replayed(headers)

    def forget(self) -> None:
        """Every nonce may be used again."""
        self._nonces.clear()

    def _without_appcode(self, headers: Mapping[str, str]) -> Preset | None:
        scheme, _, code = headers.get("authorization", "").partition(" ")
        if scheme != "APPCODE" or not code.strip():
            return _UNAUTHORIZED
        if self._options.appcode is not None:
            return None if code.strip() == self._options.appcode else _UNAUTHORIZED
        return _UNAUTHORIZED if self._options.app_key is not None else None

    def _unsigned(self, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Preset | None:
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

    def _replayed(self, headers: Mapping[str, str]) -> Preset | None:
        nonce = headers.get("x-ca-nonce")
        if nonce is None:
            return None
        if hash(nonce) in self._nonces:
            return _NONCE_USED
        self._nonces.add(hash(nonce))
        return None


def _bad_signature(text: str) -> Preset:
    # The real gateway shows the text, recipient and parameters in it: a trap for clients that log error messages.
    shown = text.translate(_NOT_IN_HEADER).encode("latin-1", "replace").decode("latin-1")
    return Preset(HALTED, 403, "A403IS", f"Invalid Signature, Server StringToSign:`{shown}`")
