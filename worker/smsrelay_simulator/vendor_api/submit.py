"""The sending operations: a submit is checked, recorded, answered as its script says, and reported on.

A form that lacks a field is answered i005. A ``sim:`` parameter that is no script is answered 400 with the reason.
"""

import time
from collections.abc import Callable

from pydantic import ValidationError

from smsrelay_simulator.outcome import ACCEPTED, REFUSED
from smsrelay_simulator.records.records import Records
from smsrelay_simulator.reports.sender import Destination, ReportSender
from smsrelay_simulator.scripts.problem import problem_json
from smsrelay_simulator.scripts.script import Step
from smsrelay_simulator.scripts.selection import Scripts
from smsrelay_simulator.vendor_api.exchange import Exchange
from smsrelay_simulator.vendor_api.form import Submit, read
from smsrelay_simulator.vendor_api.gateway import Gateway
from smsrelay_simulator.vendor_api.reply import Reply, gateway_reply, step_reply, vendor_reply
from smsrelay_simulator.vendor_api.responder import Arrival, Responder


class SubmitApi:
    """``sendmsg``, ``sendmsgall`` and ``groupmessaging``."""

    def __init__(
        self,
        *,
        responder: Responder,
        gateway: Gateway,
        scripts: Scripts,
        records: Records,
        sender: ReportSender,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._responder = responder
        self._gateway = gateway
        self._scripts = scripts
        self._records = records
        self._sender = sender
        self._clock = clock

    async def submit(self, operation: str, exchange: Exchange) -> None:
        """Serve one submit."""
        at = self._clock()
        arrival = await self._responder.receive(at, operation, exchange)
        if arrival is None:
            return
        submit = read(operation, arrival.form)
        refusal = self._gateway.refusal(exchange.path, exchange.headers, arrival.form)
        if refusal is not None:
            self._record(arrival, submit, refusal.code, refusal.outcome)
            await self._responder.answer(exchange, gateway_reply(refusal), arrival.request_id)
        elif submit is None:
            self._record(arrival, None, "missing_field", REFUSED)
            await self._responder.answer(exchange, vendor_reply("i005", arrival.request_id), arrival.request_id)
        else:
            await self._play(arrival, submit, exchange)

    async def _play(self, arrival: Arrival, submit: Submit, exchange: Exchange) -> None:
        try:
            steps = [self._scripts.next_step(to, submit.parameters) for to in submit.recipients]
        except ValidationError as error:
            self._record(arrival, submit, "bad_script", REFUSED)
            reply = Reply(400, (("content-type", "application/json"),), problem_json(error))
            await self._responder.answer(exchange, reply, arrival.request_id)
            return
        leading = next((step for step in steps if step.answer != "accept"), steps[0])
        ids = [await self._accept(arrival, submit, to, step) for to, step in zip(submit.recipients, steps, strict=True)]
        await self._respond(exchange, leading, ",".join(filter(None, ids)), arrival.request_id)

    async def _accept(self, arrival: Arrival, submit: Submit, recipient: str, step: Step) -> str:
        """Record one recipient's submit and schedule its reports. Returns its external id, empty unless it is accepted."""
        texts = (recipient, submit.template, submit.parameters, submit.callback_url, arrival.nonce)
        order = self._records.add_submit(arrival.at, arrival.operation, texts, step.answer, step.outcome)
        if step.outcome != ACCEPTED:
            return ""
        external_id = self._records.external_id(order)
        destination = Destination(external_id, recipient, submit.callback_url)
        await self._sender.send(step.played_reports, destination)
        return external_id

    async def _respond(self, exchange: Exchange, step: Step, external_id: str, request_id: str) -> None:
        if step.answer in ("reset_before", "reset_after"):
            await self._responder.wait(exchange, step.wait)
            await exchange.reset()
            return
        await self._responder.answer(exchange, step_reply(step, external_id, request_id), request_id, step.wait)

    def _record(self, arrival: Arrival, submit: Submit | None, answer: str, outcome: str) -> None:
        """Record a submit that plays no step, with whichever of its fields could be read."""
        form = arrival.form
        mobile = submit.recipients[0] if submit is not None else form.get("mobile", "")
        rest = (form.get("templateID", ""), form.get("templateParamSet", ""), form.get("callbackUrl", ""))
        self._records.add_submit(arrival.at, arrival.operation, (mobile, *rest, arrival.nonce), answer, outcome)
