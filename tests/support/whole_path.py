"""Messages that take every turn that a message can take: sent through a running relay, and what must become of each."""

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import RelayProcess
from tests.support.simulator_client import JsonScript

WITHIN = 90.0  # seconds


def _reported(*codes: int) -> dict[str, object]:
    return {"reports": [{"code": code, "after": 0.1 + 0.2 * place} for place, code in enumerate(codes)]}


_PATHS: tuple[tuple[Lane, list[dict[str, object]], State, int], ...] = (
    (Lane.OTP, [_reported(200)], State.DELIVERED, 1),
    (Lane.NOTICE, [_reported(203, 200)], State.DELIVERED, 1),
    (Lane.OTP, [_reported(503), _reported(200)], State.DELIVERED, 2),
    (Lane.MARKETING, [{"answer": "vendor_code", "code": "i005"}], State.FAILED, 1),
    (Lane.NOTICE, [{"answer": "throttled_429"}, _reported(200)], State.DELIVERED, 1),
    (Lane.OTP, [{"answer": "reset_after", "reports": [{"code": 200, "after": 1.5}]}], State.DELIVERED, 1),
    (Lane.NOTICE, [_reported(9999, 200)], State.DELIVERED, 1),
)


def walk(relay: RelayProcess, times: int = 1) -> list[str]:
    """Send one message for each path, ``times`` over, and wait until each has ended as it must; returns their ids."""
    sent = []
    for _ in range(times):
        for lane, submits, state, attempts in _PATHS:
            script: JsonScript = {"submits": submits}
            sent.append((relay.scripted(script, lane)[1], state, attempts))
    for message_id, state, attempts in sent:
        record = relay.wait_state(message_id, state, WITHIN)
        assert record.attempt == attempts, record.timeline
    return [message_id for message_id, _, _ in sent]
