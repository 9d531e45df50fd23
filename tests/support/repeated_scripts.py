"""As if the store's first reply to every script were lost: each call is run again, and its second answer counts."""

from collections.abc import Sequence
from typing import Any

import pytest

from smsrelay.store.script import Call, PendingCalls, Script


def lose_every_first_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the rest of the test."""
    answers, with_retries = PendingCalls.answers, Script.run_with_retries

    def answers_twice(pending: PendingCalls) -> list[Any]:
        answers(pending)
        return with_retries(pending._script, pending._calls)

    def retried_twice(script: Script, calls: Sequence[Call]) -> list[Any]:
        with_retries(script, calls)
        return with_retries(script, calls)

    monkeypatch.setattr(PendingCalls, "answers", answers_twice)
    monkeypatch.setattr(Script, "run_with_retries", retried_twice)
