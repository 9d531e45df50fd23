"""Batcher: items that several threads hand in are processed in batches, by one thread at a time.

Takes items. Each is in exactly one batch that ``process`` is given, whatever the order in which threads come and go. What makes
sure of it, under one lock: items wait only while somebody is at work, and whoever is at work looks once more before it leaves.
A thread that comes with an item processes at most one batch; what has gathered by then is left to a thread of the batcher, so
that nobody who came with one item is held for the items of all others.
``process`` settles every item of its batch, and raises nothing but what ends its thread; the items that wait are then passed on.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Spawn = Callable[[Callable[[], None]], object]

_AT_MOST = 100  # items a batch
_WORTH_IT = 16  # items; for fewer, a moment is waited for more to come …
_LINGER = 0.005  # … of so many seconds, unless somebody waits for one of them


class Batcher(Generic[Item]):
    """Safe to share between threads. ``spawn`` runs a function in a thread of ours; its default starts one when it is needed."""

    def __init__(
        self,
        process: Callable[[list[Item]], None],
        *,
        spawn: Spawn | None = None,
        lock: AbstractContextManager[object] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._process = process
        self._spawn: Spawn = spawn or ThreadPoolExecutor(1, "batch").submit
        self._sleep = sleep
        self._lock = lock or threading.Lock()  # over all that follows
        self._waiting: deque[Item] = deque()
        self._awaited = False  # somebody waits for one of them
        self._at_work = False

    def put(self, item: Item) -> None:
        """Have an item processed, and do not wait for it."""
        if self._join(item, awaited=False):
            self._pass_on()

    def process_now(self, item: Item) -> None:
        """Process an item in this thread at once, or leave it to the one that is at work, and do not wait for that one."""
        if self._join(item, awaited=True):
            try:
                self._process(self.take())
            finally:
                if self._go_on():
                    self._pass_on()

    def take(self) -> list[Item]:
        """What waits, out of turn: for ``process``, which settles these too."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(_AT_MOST, len(self._waiting)))]
            self._awaited = self._awaited and bool(self._waiting)
        return taken

    def _join(self, item: Item, awaited: bool) -> bool:
        """Put an item with those that wait; True when nobody is at work, and the caller has to be."""
        with self._lock:
            self._waiting.append(item)
            self._awaited = self._awaited or awaited
            idle, self._at_work = not self._at_work, True
        return idle

    def _go_on(self) -> bool:
        """Whether something waits; when nothing does, nobody is at work from now on."""
        with self._lock:
            self._at_work = bool(self._waiting)
            return self._at_work

    def _pass_on(self) -> None:
        """Leave what waits to a thread of ours; while the interpreter ends there is none, and the caller is at work itself."""
        try:
            self._spawn(self._process_all)
        except RuntimeError:
            self._process_all()

    def _process_all(self) -> None:
        try:
            while self._go_on():
                if not self._worth_it():
                    self._sleep(_LINGER)
                self._process(self.take())
        except BaseException:  # this thread is ended; what waits is not
            if self._go_on():
                self._pass_on()
            raise

    def _worth_it(self) -> bool:
        with self._lock:
            return self._awaited or len(self._waiting) >= _WORTH_IT
