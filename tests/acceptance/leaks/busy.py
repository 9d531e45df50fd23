"""Busy workers: tasks are active and reserved for as long as somebody looks, however long a look takes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from tests.acceptance.leaks import foreign, places
from tests.acceptance.leaks.places import Places
from tests.acceptance.leaks.play import Play
from tests.support.waiting import eventually

_SLOW = 2.0  # seconds of an answer, below the time-out of a read
_QUEUED = 6  # foreign jobs that are kept queued, so that workers that finish one have the next
_POLL = 0.2  # seconds
_MOST = 400  # messages
_RUNNING = ("inspect active", "inspect active unsafe", "inspect reserved", "inspect query_task", "key unacked")


def while_tasks_run(play: Play) -> Places:
    """What can be seen while own and foreign tasks are active and reserved; none is scheduled."""
    seen: Places = {}
    play.stage.simulator.latency(_SLOW)
    with _kept_busy(play) as ids:

        def everything_was_seen() -> bool:
            look = {
                **places.inspected(play.stage, list(ids)),
                **places.flower_workers(play.stage),
                "Flower /api/tasks": places.flower_tasks(play.stage),
                **places.store(play.stage.redis),
                **places.process_list(),
            }
            seen.update({f"{name} #{len(seen)}": text for name, text in look.items()})
            return all(
                any(place.startswith(f"{name} #") and "sms.send" in text for place, text in seen.items()) for name in _RUNNING
            )

        eventually(everything_was_seen, "a foreign job active, one reserved")
    play.stage.simulator.latency(0)
    for role in [role for role in play.cast.message_ids if "slow" in role]:
        play.ends(role, State.DELIVERED)
    return seen


@contextmanager
def _kept_busy(play: Play) -> Iterator[list[str]]:
    """Enqueue more whenever the workers have taken most of it; gives the ids of the foreign tasks, which grow."""
    ids: list[str] = []
    stop = threading.Event()
    failures: list[BaseException] = []

    def fill() -> None:
        try:
            while not stop.wait(_POLL):
                while len(ids) < _MOST and play.stage.redis.llen("sms.otp") < _QUEUED:
                    ids.append(_slow_one_of_each(play, len(ids)))
        except BaseException as failure:
            failures.append(failure)
            raise

    thread = threading.Thread(target=fill, name="busy", daemon=True)
    thread.start()
    try:
        eventually(lambda: len(ids) >= _QUEUED or failures, "slow tasks are queued")
        yield ids
    finally:
        stop.set()
        thread.join()
    assert not failures, failures


def _slow_one_of_each(play: Play, number: int) -> str:
    """Enqueue an own and a foreign message; the id of the foreign task."""
    play.enqueue(play.cast.new(f"slow {number}"), Lane.OTP)
    person = play.cast.new(f"foreign slow {number}")
    play.cast.message_ids[person.role] = referenced_id("default", foreign.reference(person))
    task = foreign.task([foreign.job(person)], {})
    task.publish(play.stage.broker_url)
    return str(task.headers["id"])
