import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.outcomes.schedule import CELERY, WEBHOOK, RetrySchedule, of

_EVEN = 0.5


def test_a_webhook_is_repeated_after_seconds_then_minutes_then_hours() -> None:
    minutes = [WEBHOOK.delay(failures, _EVEN) / 60 for failures in range(2, 10)]
    assert WEBHOOK.delay(1, _EVEN) == 5
    assert minutes == [5, 30, 120, 300, 600, 840, 1200, 1200]


def test_a_broker_that_is_away_is_asked_every_minute() -> None:
    assert [CELERY.delay(failures, _EVEN) for failures in (1, 2, 3, 4, 50)] == [1, 5, 30, 60, 60]


@pytest.mark.parametrize("schedule", [WEBHOOK, CELERY])
@given(failures=st.integers(1, 10_000), roll=st.floats(0, 1, exclude_max=True))
def test_a_delay_is_spread_by_a_tenth(schedule: RetrySchedule, failures: int, roll: float) -> None:
    planned = schedule.delay(failures, _EVEN)
    assert 0.9 * planned <= schedule.delay(failures, roll) <= 1.1 * planned


def test_delays_of_the_apps_file_replace_the_usual_ones() -> None:
    assert [of((2.0, 20.0), WEBHOOK).delay(failures, _EVEN) for failures in (1, 2, 3)] == [2, 20, 20]
    assert of(None, WEBHOOK) is WEBHOOK
