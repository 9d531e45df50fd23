"""The simulator's command line. Credentials may come from the environment instead."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from smsrelay_simulator.scripts.script import Shape


@dataclass(frozen=True, slots=True)
class Options:
    """All times in seconds. ``callback_retries``: the waits before the second, third, … try of a callback."""

    host: str = "127.0.0.1"
    port: int = 9100
    appcode: str | None = None
    app_key: str | None = None
    app_secret: str | None = None
    report_delay: float = 0.2
    shape: Shape = "guide"
    callback_retries: tuple[float, ...] = (0.5, 10.0, 45.0)  # TeleSign: four tries within about a minute
    latency: float = 0.0
    success_message: str | None = None  # X-Ca-Error-Message of the vendor's own answers, as some classic gateways send it


def options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """The options; an invalid argument ends the process with argparse's message."""
    parsed = _parser(environment).parse_args(arguments)
    if (parsed.app_key is None) != (parsed.app_secret is None):
        _parser(environment).error("--app-key and --app-secret have to be given together")
    return Options(**vars(parsed))


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smsrelay simulator",
        description="Serve a simulated SMS vendor over HTTP. It accepts every message and reports it delivered, until a "
        "script put to /control/scripts/NUMBER or /control/default says otherwise.",
    )
    add, fallback = parser.add_argument, Options()
    add("--host", default=fallback.host, help="address to listen on (%(default)s)")
    add("--port", type=_port, default=fallback.port, help="port to listen on (%(default)s); 0 takes a free one")
    add(
        "--appcode",
        default=environment.get("SIMULATOR_APPCODE"),
        help="AppCode to require, also SIMULATOR_APPCODE; without one, any is accepted",
    )
    add("--app-key", default=environment.get("SIMULATOR_APP_KEY"), help="key of signed requests, also SIMULATOR_APP_KEY")
    add("--app-secret", default=environment.get("SIMULATOR_APP_SECRET"), help="its secret, also SIMULATOR_APP_SECRET")
    add(
        "--report-delay",
        type=float,
        default=fallback.report_delay,
        help="seconds from accepting a message to its report (%(default)s)",
    )
    add("--shape", choices=get_args(Shape), default=fallback.shape, help="format of status reports (%(default)s)")
    add(
        "--callback-retries",
        type=_waits,
        default=fallback.callback_retries,
        help="seconds before each retry of a callback (0.5,10,45)",
    )
    add("--latency", type=float, default=fallback.latency, help="seconds before every answer (%(default)s)")
    add("--success-message", help="X-Ca-Error-Message header of successful answers, such as OK")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if port not in range(65_536):
        raise argparse.ArgumentTypeError("a port is between 0 and 65535")
    return port


def _waits(text: str) -> tuple[float, ...]:
    return tuple(float(wait) for wait in text.split(",") if wait)
