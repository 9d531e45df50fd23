"""Test messages: what their numbers ask for, and when the attempt counts as submitted."""

from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay_worker.messages.sandbox import asked_code, pretended
from smsrelay_worker.policy.toml_file import load_policy
from tests.support.records import queued

POLICY = load_policy(None)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+8613912345200", "200"),
        ("+8613912345504", "504"),
        ("+8613912345503", "503"),
        ("+8613912345000", None),
        ("+8613912345678", "200"),
        ("+447400123210", "210"),
    ],
)
def test_the_last_three_digits_are_the_code_that_is_reported(number: str, code: str | None) -> None:
    assert asked_code(number, POLICY) == code


def test_an_attempt_counts_as_submitted_only_while_it_is_ours_and_open() -> None:
    begun = replace(queued(), state=State.SUBMITTING, attempt=1, owner="ours")
    moved = pretended(begun, begun, POLICY, 1_000)
    assert moved is not None
    assert (moved.state, moved.attempt, moved.external_id) == (State.SUBMITTED, 1, None)  # without an id nobody asks the vendor
    assert pretended(replace(begun, owner="another"), begun, POLICY, 1_000) is None
    assert pretended(replace(begun, state=State.DELIVERED), begun, POLICY, 1_000) is None
