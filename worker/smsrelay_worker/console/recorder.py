"""ActionRecorder: writes what was done on a page to the action log."""

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.console.notices import Notice
from smsrelay_worker.console.page import Visit
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog


class ActionRecorder:
    """Safe to share between threads."""

    def __init__(self, log: ActionLog) -> None:
        self._log = log

    def record(self, visit: Visit, what: str, target: str, result: str = "done") -> None:
        """Write an entry after the action, under the name of the command that does the same. Without a store, the next page says
        that it is missing."""
        try:
            self._log.append(Action(Via.CONSOLE, visit.who, what, target, result))
        except StoreUnavailable:
            visit.notices.add(visit.session.session_id, Notice("actions.not_logged", {}, good=False))

    def note(self, who: str, what: str, target: str, came_of_it: str) -> None:
        """Write an entry that must not be missing, like that of a number which is shown next; raises ``StoreUnavailable``."""
        self._log.append(Action(Via.CONSOLE, who, what, target, came_of_it))
