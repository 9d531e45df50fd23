"""Jobs that expire before their send window opens are warned of; no job is refused for it."""

from datetime import UTC, datetime, timedelta

from smsrelay import Lane, SendJob
from smsrelay.contract.job_warning import job_warning
from smsrelay.contract.send_window import SendWindow

NIGHT = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
NOW = int(NIGHT.timestamp() * 1000)
WINDOWS = (SendWindow.decode(["marketing", "86", "08:00", "20:00", "UTC"]),)


def job(*, lane: Lane = Lane.MARKETING, expires_in: int | None = 3600, expires_at: datetime | None = None) -> SendJob:
    return SendJob(to="13912345678", template="0000000", lane=lane, expires_in=expires_in, expires_at=expires_at)


def test_a_job_that_expires_in_the_night_is_warned_of() -> None:
    assert "before its send window (marketing +86) opens, at 2026-11-29 08:00 UTC" in str(job_warning(job(), {}, NOW, WINDOWS))


def test_a_job_that_is_sent_in_the_morning_is_not() -> None:
    assert job_warning(job(expires_in=12 * 3600), {}, NOW, WINDOWS) is None


def test_without_a_window_of_its_lane_there_is_nothing_to_warn_of() -> None:
    assert job_warning(job(lane=Lane.NOTICE), {}, NOW, WINDOWS) is None
    assert job_warning(job(), {}, NOW, ()) is None


def test_a_job_that_ignores_its_window_is_not_warned_of() -> None:
    assert job_warning(job().model_copy(update={"ignore_send_window": True}), {}, NOW, WINDOWS) is None


def test_a_deadline_that_this_clock_takes_for_past_is_no_error() -> None:
    over = job(expires_in=None, expires_at=NIGHT + timedelta(seconds=2))
    assert job_warning(over, {}, NOW + 3000, WINDOWS) is None
