"""What Flower is told of a task, and which verdict decides its colour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.state import State
from smsrelay_worker.messages.task_result import TaskResult, Verdict, summary, worst

_verdicts = st.lists(st.sampled_from(Verdict), min_size=1, max_size=60)


def results(verdicts: list[Verdict]) -> list[TaskResult]:
    return [TaskResult(one.name.lower(), "id", "otp", 1, one) for one in verdicts]


@pytest.mark.parametrize("state", list(State))
def test_only_a_final_state_without_delivery_that_nobody_asked_for_is_a_failure(state: State) -> None:
    failed = state.final and state not in {State.DELIVERED, State.CANCELLED}
    waits = state in {State.QUEUED, State.RETRYING, State.UNCERTAIN}
    assert Verdict.of(state) is (Verdict.FAILED if failed else Verdict.WAITS if waits else Verdict.DONE)


@given(_verdicts)
def test_a_task_is_as_bad_as_the_worst_of_its_messages(verdicts: list[Verdict]) -> None:
    assert summary(results(verdicts)).verdict is worst(results(verdicts)) is max(verdicts)


@given(_verdicts)
def test_every_message_is_counted_once_and_the_worst_come_first(verdicts: list[Verdict]) -> None:
    if len(verdicts) == 1:
        return
    whole, parts = summary(results(verdicts)).split(" messages: ")
    counts = [part.split(" × ") for part in parts.split(", ")]
    assert int(whole) == sum(int(count) for count, _ in counts) == len(verdicts)
    order = [Verdict[text.split()[-1].upper()] for _, text in counts]
    assert order == sorted(order, reverse=True)


def test_an_empty_task_has_nothing_to_complain_of() -> None:
    assert worst([]) is Verdict.DONE
