"""The pull operations: the latest status of one submit, or of several.

The answer is close to a callback's body; the vendor's real shape is unknown. An id that was never issued is answered i005, and a
submit without a report yet has status 290.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from smsrelay_simulator.records.records import Records
from smsrelay_simulator.reports.body import rfc3339
from smsrelay_simulator.reports.status_text import text_of
from smsrelay_simulator.value_list import values
from smsrelay_simulator.vendor_api.exchange import Exchange
from smsrelay_simulator.vendor_api.gateway import Gateway
from smsrelay_simulator.vendor_api.reply import Reply, gateway_reply, vendor_reply
from smsrelay_simulator.vendor_api.responder import Responder

ONE, MANY = "pullSmsSendStatus", "pullSmsSendStatusSet"
_IN_PROGRESS = 290


class PullApi:
    """Answers from the records."""

    def __init__(self, responder: Responder, gateway: Gateway, records: Records, clock: Callable[[], float] = time.time) -> None:
        self._responder = responder
        self._gateway = gateway
        self._records = records
        self._clock = clock

    async def status(self, operation: str, exchange: Exchange) -> None:
        """Serve one pull."""
        arrival = await self._responder.receive(self._clock(), operation, exchange)
        if arrival is None:
            return
        self._records.pulls += 1
        refusal = self._gateway.refusal(exchange.path, exchange.headers, arrival.form)
        reply = gateway_reply(refusal) if refusal else self._reply(operation, arrival.form, arrival.request_id)
        await self._responder.answer(exchange, reply, arrival.request_id)

    def _reply(self, operation: str, form: Mapping[str, str], request_id: str) -> Reply:
        ids = values(form.get("externalIds" if operation == MANY else "externalId", ""))
        found = [self._status(external_id) for external_id in ids]
        known = [status for status in found if status is not None]
        if not known or (operation == ONE and len(ids) != 1):
            return vendor_reply("i005", request_id)
        if operation == MANY:
            return vendor_reply("0000", request_id, statuses=known)
        return vendor_reply("0000", request_id, **known[0])

    def _status(self, external_id: str) -> dict[str, Any] | None:
        known = self._records.status(external_id)
        if known is None:
            return None
        code, at = known
        status = {"updated_on": rfc3339(at or self._clock()), "code": _IN_PROGRESS if code is None else code}
        status["description"] = text_of(status["code"]) or ""
        return {"external_id": external_id, "status": status}
