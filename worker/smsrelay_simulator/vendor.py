"""The vendor's sending operations: a submit is checked, recorded, plays its step and is answered.

Enters: a POST to one of the operations. Leaves: a record, an answer (or a reset, or silence), and reports for
the courier. A form without its fields is answered i005; a ``sim:`` parameter that is no script is answered
400 naming why.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from smsrelay_simulator.choice import Scripts
from smsrelay_simulator.courier import Courier, Destination
from smsrelay_simulator.exchange import Exchange
from smsrelay_simulator.form import Submit, decode, read
from smsrelay_simulator.gateway import Gateway
from smsrelay_simulator.preset import ACCEPTED, REFUSED
from smsrelay_simulator.problem import problem_json
from smsrelay_simulator.record import Records
from smsrelay_simulator.reply import ERROR_MESSAGE, Reply, gateway_reply, step_reply, vendor_reply
from smsrelay_simulator.script import Step


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request for one of the operations, before anything was decided about it."""

    at: float
    operation: str
    request_id: str
    nonce: str
    form: Mapping[str, str]


class Vendor:
    """Gateway and vendor as one service. ``latency`` (seconds) comes before every answer."""

    def __init__(
        self,
        gateway: Gateway,
        scripts: Scripts,
        records: Records,
        courier: Courier,
        *,
        latency: float,
        success_message: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gateway = gateway
        self._scripts = scripts
        self._records = records
        self._courier = courier
        self._clock = clock
        self.latency = latency
        self._success = () if success_message is None else ((ERROR_MESSAGE, success_message),)

    async def submit(self, operation: str, exchange: Exchange) -> None:
        """Serve one submit."""
        at = self._clock()
        arrival = await self.arrive(at, operation, exchange)
        if arrival is None:
            return
        submit = read(operation, arrival.form)
        refusal = self._gateway.refusal(exchange.path, exchange.headers, arrival.form)
        if refusal is not None:
            self._record(arrival, submit, refusal.code, refusal.outcome)
            await self.answer(exchange, gateway_reply(refusal), arrival.request_id)
        elif submit is None:
            self._record(arrival, None, "missing_field", REFUSED)
            await self.answer(exchange, vendor_reply("i005", arrival.request_id), arrival.request_id)
        else:
            await self._play(arrival, submit, exchange)

    async def arrive(self, at: float, operation: str, exchange: Exchange) -> Arrival | None:
        """Read a request; None when the client went away before it was complete."""
        body = await exchange.body()
        if body is None:
            return None
        form = decode(exchange.query) | decode(body)
        nonce = exchange.headers.get("x-ca-nonce", "")
        return Arrival(at, operation, str(uuid.uuid4()).upper(), nonce, form)

    async def answer(self, exchange: Exchange, reply: Reply, request_id: str, delay: float = 0.0) -> None:
        """Answer after the latency and ``delay`` seconds."""
        if self.latency + delay > 0:
            await exchange.wait(self.latency + delay)
        success = self._success if reply.from_vendor else ()
        await exchange.answer(reply.status, (("x-ca-request-id", request_id), *success, *reply.headers), reply.body)

    async def _play(self, arrival: Arrival, submit: Submit, exchange: Exchange) -> None:
        try:
            steps = [self._scripts.next_step(to, submit.parameters) for to in submit.recipients]
        except ValidationError as error:
            self._record(arrival, submit, "bad_script", REFUSED)
            reply = Reply(400, (("content-type", "application/json"),), problem_json(error))
            await self.answer(exchange, reply, arrival.request_id)
            return
        leading = next((step for step in steps if step.answer != "accept"), steps[0])
        ids = [await self._accept(arrival, submit, to, step) for to, step in zip(submit.recipients, steps, strict=True)]
        await self._respond(exchange, leading, ",".join(filter(None, ids)), arrival.request_id)

    async def _accept(self, arrival: Arrival, submit: Submit, recipient: str, step: Step) -> str:
        """Record one recipient's submit and schedule its reports; its external id, empty unless accepted."""
        texts = (recipient, submit.template, submit.parameters, submit.callback_url, arrival.nonce)
        order = self._records.add_submit(arrival.at, arrival.operation, texts, step.answer, step.outcome)
        if step.outcome != ACCEPTED:
            return ""
        external_id = self._records.external_id(order)
        destination = Destination(external_id, recipient, submit.callback_url)
        await self._courier.take(step.played_reports, destination)
        return external_id

    async def _respond(self, exchange: Exchange, step: Step, external_id: str, request_id: str) -> None:
        if step.answer in ("reset_before", "reset_after"):
            await exchange.wait(self.latency + step.wait)
            await exchange.reset()
            return
        await self.answer(exchange, step_reply(step, external_id, request_id), request_id, step.wait)

    def _record(self, arrival: Arrival, submit: Submit | None, answer: str, outcome: str) -> None:
        """Record a submit that plays no step; fields as far as they could be read."""
        form = arrival.form
        mobile = submit.recipients[0] if submit is not None else form.get("mobile", "")
        rest = (form.get("templateID", ""), form.get("templateParamSet", ""), form.get("callbackUrl", ""))
        self._records.add_submit(arrival.at, arrival.operation, (mobile, *rest, arrival.nonce), answer, outcome)
