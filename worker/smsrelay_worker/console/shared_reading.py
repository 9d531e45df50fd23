"""SharedReading: reads something slow once, however many ask for it at the same time, and keeps it for a moment."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class SharedReading(Generic[_Value]):
    """``read`` may block and raise; ``fresh``: seconds for which its result is given again; ``clock`` gives monotonic seconds.

    Safe to share between threads. While the store hangs, whoever asks waits for the one reading that is under way.
    """

    def __init__(self, read: Callable[[], _Value], fresh: float, clock: Callable[[], float]) -> None:
        self._read = read
        self._fresh = fresh
        self._clock = clock
        self._lock = threading.Lock()
        self._reading: Future[_Value] | None = None
        self._until = float("-inf")

    def get(self) -> _Value:
        """What was read just now, or a moment ago; raises what ``read`` raised."""
        with self._lock:
            ours = self._reading is None or (self._reading.done() and self._clock() >= self._until)
            if ours:
                self._reading = Future()
            reading = self._reading
        assert reading is not None  # noqa: S101  set above
        if ours:
            self._carry_out(reading)
        return reading.result()

    def _carry_out(self, reading: "Future[_Value]") -> None:
        try:
            value = self._read()
        except BaseException as error:  # noqa: BLE001  raised to everybody who waits for it
            self._until = float("-inf")
            reading.set_exception(error)
        else:
            self._until = self._clock() + self._fresh
            reading.set_result(value)
