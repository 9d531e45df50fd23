"""Ongoing: an action that is being carried out, and what the action log shall say that it came to."""

from dataclasses import dataclass

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.store.connection import StoreUnavailable

BEGUN = "begun"  # the result of an entry that is written before an action of many steps
UNKNOWN = "unknown: a server did not answer"


@dataclass(slots=True)
class Ongoing:
    """Changed while the action goes on. ``progress``: what was done of it so far, for an entry of one that breaks off."""

    target: str
    result: str = "done"
    progress: str = ""
    recorded: bool = True  # False: it turned out to change nothing, like a dry run

    def broke_off(self, error: BaseException) -> None:
        """It ended by an exception, and what was done until then was done."""
        if isinstance(error, StoreUnavailable | BrokerUnavailable):
            said = UNKNOWN
        elif isinstance(error, KeyboardInterrupt | SystemExit):  # Ctrl-C; a signal
            said = "stopped on the way"
        else:
            said = f"failed: {type(error).__name__}"
        self.result = f"{said}; {self.progress}" if self.progress else said
