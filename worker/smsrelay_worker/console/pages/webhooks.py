"""Webhooks: where outcomes go, how deliveries end, and testing, resuming and replaying them."""

import threading
import time
from collections.abc import Callable

import structlog
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.console.page import Page, Refused, Visit
from smsrelay_worker.console.recorder import ActionRecorder
from smsrelay_worker.operations.sink_control import SinkControl, is_taken
from smsrelay_worker.operations.sinks import Condition, sink_names, sink_overviews
from smsrelay_worker.operations.wiring import Operations

SPANS = {"30m": 1800, "2h": 7200, "1d": 86_400, "3d": 259_200}  # seconds
_PATIENCE = 20.0  # seconds that a test may take, for whoever waits for the page
_log: FilteringBoundLogger = structlog.get_logger()


class Webhooks:
    """The page; ``now`` in seconds since the epoch."""

    def __init__(
        self, operations: Operations, control: SinkControl, recorder: ActionRecorder, now: Callable[[], float] = time.time
    ) -> None:
        self._operations = operations
        self._control = control
        self._recorder = recorder
        self._now = now
        self._replaying: set[str] = set()
        self._lock = threading.Lock()  # over _replaying

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/webhooks", get=self._show, post=self._change, changes=True)]

    def _show(self, visit: Visit) -> Response:
        operations = self._operations
        found = sink_overviews(operations.apps(), operations.outcomes, operations.sink_states)
        with self._lock:
            replaying = frozenset(self._replaying)
        return visit.page("webhooks.html", here="webhooks", sinks=found, ok=Condition.OK, spans=SPANS, replaying=replaying)

    def _change(self, visit: Visit) -> Response:
        sink = visit.field("sink")
        if sink not in sink_names(self._operations.apps()):
            raise Refused(404, "no_sink")
        match visit.field("do"):
            case "resume":
                return self._resume(visit, sink)
            case "test":
                return self._test(visit, sink)
            case "replay" if visit.field("since") in SPANS:
                return self._replay(visit, sink, visit.field("since"))
        raise Refused(400, "form")

    def _resume(self, visit: Visit, sink: str) -> Response:
        with self._recorder.recorded(visit, "webhook resume", f"sink:{sink}") as action:
            resumed = self._control.resume(sink)
            action.result = resumed.text
        said = "webhooks.resumed" if resumed.was_paused else "webhooks.was_not_paused"
        return visit.done("/webhooks", said, sink=sink, count=resumed.due)

    def _test(self, visit: Visit, sink: str) -> Response:
        try:
            with self._recorder.recorded(visit, "webhook test", f"sink:{sink}") as action:
                result = self._control.test([sink], _PATIENCE)[sink]
                action.result = result or "no answer"
        except BrokerUnavailable:
            return visit.done("/webhooks", "webhooks.no_broker", good=False)
        if result is None:
            return visit.done("/webhooks", "webhooks.not_tested", good=False, sink=sink)
        return visit.done("/webhooks", "webhooks.tested", good=is_taken(result), sink=sink, result=result)

    def _replay(self, visit: Visit, sink: str, since: str) -> Response:
        """Started in a thread: it looks through all records of the store. What it came to is in the action log."""
        with self._lock:
            if sink in self._replaying:
                return visit.done("/webhooks", "webhooks.replaying_already", good=False, sink=sink)
            self._replaying.add(sink)
        start = int((self._now() - SPANS[since]) * 1000)
        threading.Thread(target=self._carry_out, args=(visit, sink, start, since), name="replay", daemon=True).start()
        return visit.done("/webhooks", "webhooks.replaying", sink=sink)

    def _carry_out(self, visit: Visit, sink: str, start: int, since: str) -> None:
        app = sink.rpartition(".")[0]
        try:
            with self._recorder.recorded(visit, "webhook replay", f"sink:{sink}", many=True) as action:
                count = self._operations.replay().replay(app, [sink], start)[sink]
                action.result = f"{count} outcomes of the last {since}"
                self._control.hint(sink)
        except StoreUnavailable as error:
            _log.warning("console.replay_failed", sink=sink, error=type(error).__name__)
        finally:
            with self._lock:
                self._replaying.discard(sink)
