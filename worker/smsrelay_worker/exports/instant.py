"""Instants as targets keep them. Pure."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at: int) -> datetime:
    """Ms since the epoch as a datetime in UTC, exactly."""
    return _EPOCH + timedelta(milliseconds=at)


def milliseconds(at: datetime) -> int:
    """The other way round."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def text(at: int) -> str:
    """Ms since the epoch as text that sorts: 2026-11-28T09:00:00.000Z."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"


def read_text(at: str) -> int:
    """The other way round; raises ``ValueError``."""
    return milliseconds(datetime.fromisoformat(at))
