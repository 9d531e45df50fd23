"""Reads the requests of every operation, and answers them after the configured latency."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from smsrelay_simulator.vendor_api.exchange import Exchange
from smsrelay_simulator.vendor_api.form import decode
from smsrelay_simulator.vendor_api.reply import ERROR_MESSAGE, Reply


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came, before anything was decided about it. ``at``: epoch seconds."""

    at: float
    operation: str
    request_id: str
    nonce: str
    form: Mapping[str, str]


class Responder:
    """``latency``: seconds before every answer. ``success_message``: X-Ca-Error-Message of what the vendor itself answers."""

    def __init__(self, latency: float, success_message: str | None = None) -> None:
        self.latency = latency
        self._success = () if success_message is None else ((ERROR_MESSAGE, success_message),)

    async def receive(self, at: float, operation: str, exchange: Exchange) -> Arrival | None:
        """Read a request; None when the client disconnects before it is complete."""
        body = await exchange.body()
        if body is None:
            return None
        form = decode(exchange.query) | decode(body)
        nonce = exchange.headers.get("x-ca-nonce", "")
        return Arrival(at, operation, str(uuid.uuid4()).upper(), nonce, form)

    async def answer(self, exchange: Exchange, reply: Reply, request_id: str, delay: float = 0.0) -> None:
        """Answer after the latency and ``delay`` seconds."""
        await self.wait(exchange, delay)
        success = self._success if reply.from_vendor else ()
        await exchange.answer(reply.status, (("x-ca-request-id", request_id), *success, *reply.headers), reply.body)

    async def wait(self, exchange: Exchange, delay: float) -> None:
        """Let the latency and ``delay`` seconds pass."""
        if self.latency + delay > 0:
            await exchange.wait(self.latency + delay)
