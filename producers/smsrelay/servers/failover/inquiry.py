"""Inquiry: what those have said who were asked for the primary one after the other, and whom to believe.

A sentinel that is cut off together with the old primary goes on naming it. So one is believed alone only if it sees most of the
others and does not know less than we do. Of several, the one that knows of the latest failover is right.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ResponseError

from smsrelay.servers.failover.answer import Answer
from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels

_REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)


class Inquiry:
    """``newest``: what we know already. ``alone``: believe one that sees few others, because the others were asked just now."""

    def __init__(self, asked: Sentinels | Cluster, newest: Answer | None, *, alone: bool = False) -> None:
        self._asked, self._newest, self._alone = asked, newest, alone
        self._problems: list[Exception] = []
        self._answers: dict[Place, Answer] = {}  # of each that was asked

    def failed(self, error: Exception) -> None:
        """One did not answer, or refused to."""
        self._problems.append(error)

    def settled_by(self, server: Place, replies: Sequence[Any]) -> bool:
        """Whether what this one has replied settles it, so that nobody else need be asked."""
        if isinstance(replies[0], ResponseError):
            self._problems.append(replies[0])
            return False
        answer = self._asked.answer(replies, server)
        if answer is None:
            return False
        self._answers[server] = answer
        return (answer.majority or self._alone) and not self._is_outdated(answer)

    def result(self, newest: Answer | None) -> tuple[Place | None, Answer]:
        """Who is right, and what it says; nobody, if ``newest``, which we know by now, is better. Raises ``PrimaryUnknown``."""
        self._newest = newest
        if self._answers:
            server = max(self._answers, key=lambda one: (self._answers[one].epoch, self._answers[one].majority))
            best = self._answers[server]
            if newest is None or not self._is_outdated(best) or self._is_agreed(best):
                return server, best
            return None, newest
        if newest is not None and self._nobody_answers():
            return None, newest
        raise self._unknown()

    def _is_outdated(self, answer: Answer) -> bool:
        return self._newest is not None and answer.epoch < self._newest.epoch

    def _is_agreed(self, answer: Answer) -> bool:
        """Whether most say it: then the sentinels were set up anew, and count from the beginning."""
        return 2 * Counter(self._answers.values())[answer] > len(self._asked.servers)

    def _nobody_answers(self) -> bool:
        refused = any(isinstance(problem, (*_REFUSED, ResponseError)) for problem in self._problems)
        return len(self._problems) >= len(self._asked.servers) and not refused

    def _unknown(self) -> PrimaryUnknown:
        """What to say of it; the most telling answer decides."""
        asked = self._asked
        if any(isinstance(problem, _REFUSED) for problem in self._problems):
            return PrimaryUnknown(f"no {asked.called} lets us ask for the primary ({asked.login_options})", denied=True)
        if any(isinstance(problem, ResponseError) for problem in self._problems):
            return PrimaryUnknown(asked.misunderstood, denied=True)
        if len(self._problems) < len(asked.servers):
            return PrimaryUnknown(asked.none_known)
        unknown = PrimaryUnknown(f"no {asked.called} answers")
        unknown.__cause__ = self._problems[-1]  # which may be a certificate that is not trusted
        return unknown
