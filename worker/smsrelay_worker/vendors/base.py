"""What goes to a vendor and what comes back, in words every adapter shares.

Enters: a ``Submission``. Leaves: an ``Answer``. An adapter's ``submit`` never raises for anything the network or the vendor
did: each such thing is one of the six kinds.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from smsrelay.contract.lanes import Lane

DEADLINE_PASSED = "deadline_passed"  # code of an attempt whose message's deadline came before the request was written


class Kind(StrEnum):
    """Who answered a submit, and what may be done next. The policy file has a row for each but ``ANSWERED``."""

    ANSWERED = "answered"  # the vendor itself; its code decides (table [submit] of the policy)
    THROTTLED = "throttled"  # not executed: slow down for everybody
    HALTED = "halted"  # not executed: no message can succeed until a person acts
    REFUSED = "refused"  # this message is wrong
    UNREACHABLE = "unreachable"  # surely not sent
    UNCERTAIN = "uncertain"  # may have been sent


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt, ready to be sent. Its repr shows neither number nor parameters."""

    message_id: str
    attempt: int
    lane: Lane
    to: str = field(repr=False)  # E.164, with its +
    template: str
    params: tuple[str, ...] = field(repr=False)
    callback_url: str | None = field(repr=False)
    not_after: float = math.inf  # seconds of time.monotonic(); from then on the request is not to be written


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known after a submit. Safe to log: ``code`` is at most 24 of ``A-Za-z0-9_.-``, ``message`` is masked."""

    kind: Kind
    code: str
    external_id: str | None = None  # the vendor's id of the submit
    request_id: str | None = None  # for a support ticket with the vendor or its gateway
    retry_after: float | None = None  # seconds, when a throttled answer named them
    message: str | None = None  # what may be kept of the vendor's own words, when it did not just accept
    id_withheld: bool = False  # the vendor named an id of the submit, none that can be kept

    @property
    def has_id(self) -> bool:
        """Whether the vendor named an id: then it may have accepted, whatever its code says."""
        return self.external_id is not None or self.id_withheld


class Vendor(Protocol):
    """One SMS vendor's interface."""

    def submit(self, submission: Submission) -> Answer:
        """Submit one attempt; never raises for network or vendor faults.

        Looks at ``not_after`` when the connection stands, right before the request is written. What is late is not written, and
        answered ``UNREACHABLE`` with the code ``DEADLINE_PASSED``.
        """
        ...

    def pull(self, external_id: str) -> bytes | None:
        """The vendor's word on one submit, as it came; None when no answer of the vendor came, for whatever reason."""
        ...
