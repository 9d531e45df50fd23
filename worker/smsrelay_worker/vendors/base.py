"""The port that every vendor's adapter implements: ``Vendor`` takes a ``Submission`` and returns an ``Answer``.

Whatever the network or the vendor does, ``submit`` does not raise: each case is one of the six kinds of answer.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from smsrelay.contract.lanes import Lane

DEADLINE_PASSED = "deadline_passed"  # code of an attempt whose message expired before the request was written


class Kind(StrEnum):
    """Who answered a submit, and what may follow. The policy file has a row for each kind except ``ANSWERED``."""

    ANSWERED = "answered"  # the vendor itself; its code decides (table [submit] of the policy)
    THROTTLED = "throttled"  # not executed: every submit must slow down
    HALTED = "halted"  # not executed: no message can succeed until a person acts
    REFUSED = "refused"  # not executed: this message is wrong
    UNREACHABLE = "unreachable"  # certainly not sent
    UNCERTAIN = "uncertain"  # it may have been sent


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt, ready to be submitted. Neither number nor parameters are in its repr."""

    message_id: str
    attempt: int
    lane: Lane
    to: str = field(repr=False)  # E.164, with its +
    template: str
    params: tuple[str, ...] = field(repr=False)
    callback_url: str | None = field(repr=False)
    not_after: float = math.inf  # on time.monotonic(), in seconds; from then on the request must not be written


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known after a submit. Safe to log: ``code`` is at most 24 characters of ``A-Za-z0-9_.-``; ``message`` is masked."""

    kind: Kind
    code: str
    external_id: str | None = None  # the vendor's id of the submit
    request_id: str | None = None  # for a support ticket with the vendor or its gateway
    retry_after: float | None = None  # seconds, if a throttled answer names them
    message: str | None = None  # the vendor's own words, masked, unless it simply accepted
    id_withheld: bool = False  # the vendor named an id that cannot be kept

    @property
    def has_id(self) -> bool:
        """Whether the vendor named an id: then it may have accepted the message, whatever its code says."""
        return self.external_id is not None or self.id_withheld


class Vendor(Protocol):
    """One SMS vendor's interface."""

    def submit(self, submission: Submission) -> Answer:
        """Submit one attempt; never raises for network or vendor faults.

        ``not_after`` is checked once the connection is open, right before the request is written. A late request is not written;
        its answer is ``UNREACHABLE`` with the code ``DEADLINE_PASSED``.
        """
        ...

    def pull(self, external_id: str) -> bytes | None:
        """The vendor's status of one submit, as received; None if the vendor did not answer, for whatever reason."""
        ...
