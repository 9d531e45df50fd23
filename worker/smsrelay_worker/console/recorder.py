"""ActionRecorder: writes what was done on a page to the action log, under the name of the command that does the same."""

from collections.abc import Iterator
from contextlib import contextmanager

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.console.notices import Notice
from smsrelay_worker.console.page import Refused, Visit
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.actions.ongoing import BEGUN, Ongoing


class ActionRecorder:
    """Safe to share between threads."""

    def __init__(self, log: ActionLog) -> None:
        self._log = log

    @contextmanager
    def recorded(self, visit: Visit, what: str, target: str, *, many: bool = False) -> Iterator[Ongoing]:
        """Write an entry once what is done inside has ended, however that was; what is ``Refused``, and so not done, leaves none.

        ``many``: it takes many steps, and the console may be stopped before the last; so another entry says beforehand that it
        has begun. If the log cannot be written, the next page says so.
        """
        ongoing = Ongoing(target)
        if many:
            self._write(visit, what, target, BEGUN)
        try:
            yield ongoing
        except Refused:
            ongoing.recorded = False
            raise
        except BaseException as error:
            ongoing.broke_off(error)
            raise
        finally:
            if ongoing.recorded:
                self._write(visit, what, ongoing.target, ongoing.result)

    def note(self, who: str, what: str, target: str, came_of_it: str) -> None:
        """Write an entry that must not be missing, like that of a number which is shown next; raises ``StoreUnavailable``."""
        self._log.append(Action(Via.CONSOLE, who, what, target, came_of_it))

    def _write(self, visit: Visit, what: str, target: str, result: str) -> None:
        try:
            self._log.append(Action(Via.CONSOLE, visit.who, what, target, result))
        except StoreUnavailable:
            visit.notices.add(visit.session.session_id, Notice("actions.not_logged", {}, good=False))
