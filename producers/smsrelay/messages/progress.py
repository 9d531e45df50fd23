"""CampaignProgress: how far a campaign is, as the store counts it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from smsrelay.contract.state import State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATE, _CODE = "s:", "c:"  # fields of the hash


class CampaignState(StrEnum):
    """Whether a campaign goes on."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"  # each of its messages is final; further ones may be accepted


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """How many messages of a campaign are where. The counts below ``accepted`` add up to it.

    ``app``, ``name``: whose campaign it is, and its name.
    ``state``: whether it goes on.
    ``started_at``, ``last_accepted_at``: when its first and its last message were accepted.
    ``accepted``: all of them.
    ``waiting``: queued, or waiting for another attempt. ``held`` of them wait until the campaign is resumed.
    ``submitting``, ``submitted``, ``uncertain``: in a worker's hands, or without a report so far.
    ``delivered``, ``failed``, ``expired``, ``cancelled``, ``unknown``: final; a late report may still turn one into delivered.
    ``failed_by``: those that failed, by the vendor's code.
    ``to_cancel``: whether some messages of a cancelled campaign are still to be cancelled, which workers do within minutes.
    """

    app: str
    name: str
    state: CampaignState
    started_at: datetime
    last_accepted_at: datetime
    accepted: int
    waiting: int
    submitting: int
    submitted: int
    uncertain: int
    delivered: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    failed_by: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    to_cancel: bool = False

    @property
    def under_way(self) -> int:
        """Messages that are neither waiting nor final."""
        return self.submitting + self.submitted + self.uncertain

    @property
    def final(self) -> int:
        """Messages that are final."""
        return self.delivered + self.failed + self.expired + self.cancelled + self.unknown

    @classmethod
    def of(
        cls,
        full_name: str,
        counts: Mapping[str, str],
        last: float,
        *,
        halt: str = "",
        held: int = 0,
        to_cancel: bool = False,
    ) -> "CampaignProgress":
        """Read a campaign's hash. ``full_name`` is APP/NAME, ``last`` in ms, ``halt`` the kind of its halt, if any."""
        app, _, name = full_name.partition("/")
        of = {state: max(0, int(counts.get(_STATE + state.value, 0))) for state in State}
        final = sum(count for state, count in of.items() if state.final)
        accepted = int(counts.get("accepted", 0))
        done = CampaignState.FINISHED if final >= accepted else CampaignState.RUNNING
        return cls(
            app=app,
            name=name,
            state=CampaignState(halt) if halt else done,
            started_at=_instant(float(counts.get("since", last))),
            last_accepted_at=_instant(last),
            accepted=accepted,
            waiting=of[State.QUEUED] + of[State.RETRYING],
            submitting=of[State.SUBMITTING],
            submitted=of[State.SUBMITTED],
            uncertain=of[State.UNCERTAIN],
            delivered=of[State.DELIVERED],
            failed=of[State.FAILED],
            expired=of[State.EXPIRED],
            cancelled=of[State.CANCELLED],
            unknown=of[State.UNKNOWN],
            failed_by={name[2:]: int(count) for name, count in counts.items() if name[:2] == _CODE and int(count) > 0},
            held=held,
            to_cancel=to_cancel,
        )


def _instant(ms: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(ms))
