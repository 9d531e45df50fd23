"""Batcher: processes the items of several threads in batches, one thread at a time.

Each item is in exactly one batch given to ``process``, in whatever order threads come and go. What guarantees it, under one lock:
items wait only while some thread is processing, and that thread checks for more before it stops.
A thread that brings an item processes one batch at most; what has gathered by then is passed to a thread of the batcher, so that
a caller with one item is not kept busy with the items of all others.
``process`` settles every item of its batch and does not raise, except for exceptions that end its thread, such as ``SystemExit``;
the waiting items are then passed on.
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
_ENOUGH = 16  # items; a smaller batch waits for more to come …
_LINGER = 0.005  # … this many seconds, unless a caller waits for one of them


class Batcher(Generic[Item]):
    """Safe to share between threads. ``spawn`` runs a function in another thread; by default one that starts on first use."""

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
        self._lock = lock or threading.Lock()  # over the fields below
        self._waiting: deque[Item] = deque()
        self._urgent = False  # a caller waits for one of them
        self._processing = False

    def put(self, item: Item) -> None:
        """Have an item processed by another thread; returns at once."""
        if self._join(item, urgent=False):
            self._pass_on()

    def process_now(self, item: Item) -> None:
        """Process an item in this thread, or leave it to the thread that is processing already, without waiting for it."""
        if self._join(item, urgent=True):
            try:
                self._process(self.take())
            finally:
                if self._has_more():
                    self._pass_on()

    def take(self) -> list[Item]:
        """Take what waits by now; for ``process``, which settles these items too."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(_AT_MOST, len(self._waiting)))]
            self._urgent = self._urgent and bool(self._waiting)
        return taken

    def _join(self, item: Item, urgent: bool) -> bool:
        """Add an item to the waiting ones; True if no thread is processing, and the caller has to."""
        with self._lock:
            self._waiting.append(item)
            self._urgent = self._urgent or urgent
            idle, self._processing = not self._processing, True
        return idle

    def _has_more(self) -> bool:
        """Whether items wait; if none do, no thread is processing from now on."""
        with self._lock:
            self._processing = bool(self._waiting)
            return self._processing

    def _pass_on(self) -> None:
        """Pass the waiting items to our thread; process them here if none can be started, because the interpreter is exiting."""
        try:
            self._spawn(self._process_all)
        except RuntimeError:
            self._process_all()

    def _process_all(self) -> None:
        try:
            while self._has_more():
                if not self._due():
                    self._sleep(_LINGER)
                self._process(self.take())
        except BaseException:  # it ends this thread, and must not strand the waiting items
            if self._has_more():
                self._pass_on()
            raise

    def _due(self) -> bool:
        with self._lock:
            return self._urgent or len(self._waiting) >= _ENOUGH
