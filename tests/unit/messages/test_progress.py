"""A campaign's progress, read from what the store counts."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.state import State
from smsrelay.messages.progress import CampaignProgress, CampaignState

NOW = 1_796_000_000_000


def read(counts: dict[State, int], **options: object) -> CampaignProgress:
    wire = {f"s:{state.value}": str(count) for state, count in counts.items()}
    wire |= {"accepted": str(sum(counts.values())), "since": str(NOW)}
    return CampaignProgress.of("shop/spring", wire, NOW + 5, **options)  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from(State), st.integers(0, 10**7)))
def test_the_counts_add_up_to_what_was_accepted(counts: dict[State, int]) -> None:
    progress = read(counts)
    assert progress.waiting + progress.under_way + progress.final == progress.accepted
    assert (progress.state is CampaignState.FINISHED) == (progress.final == progress.accepted)


def test_a_halt_is_the_state_whatever_the_counts_say() -> None:
    assert read({State.DELIVERED: 3}, halt="cancelled").state is CampaignState.CANCELLED
    assert read({State.QUEUED: 3}, halt="paused").state is CampaignState.PAUSED


def test_codes_that_nothing_failed_by_any_more_are_left_out() -> None:
    progress = CampaignProgress.of("shop/spring", {"accepted": "2", "s:failed": "1", "c:502": "1", "c:504": "0"}, NOW)
    assert (progress.app, progress.name, progress.failed_by) == ("shop", "spring", {"502": 1})
