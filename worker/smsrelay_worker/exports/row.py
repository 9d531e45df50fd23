"""Row: a final message as it is exported. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay_worker.exports.version import Version


@dataclass(frozen=True, slots=True)
class Row:
    """One message, its fields in the order of ``columns.COLUMNS``. Instants in ms since the epoch, on the store's clock.

    Neither parameters nor, in its repr, what stands for a person.
    """

    message_id: str
    accepted_at: int
    revision: int
    state: str
    code: str | None
    rule: str | None
    lane: str
    template: str
    app: str
    reference: str | None = field(repr=False)
    campaign: str | None
    country: str
    test: bool
    attempts: int
    begun_at: int | None
    ended_at: int
    changed_at: int
    external_id: str | None
    vendor_message: str | None
    tags: Mapping[str, str]
    used_at: int | None
    recipient: str | None = field(repr=False)
    number: str | None = field(repr=False)
    timeline: tuple[Mapping[str, Any], ...]
    exported_at: int

    @classmethod
    def of(cls, record: Record, exported_at: int, number: str | None = None) -> "Row":
        """The row of a final record; ``number`` in E.164, if it is asked for and known."""
        last = record.timeline[-1]
        return cls(
            message_id=record.message_id,
            accepted_at=record.created_at,
            revision=record.revision,
            state=record.state.value,
            code=last.code or None,
            rule=last.rule or None,
            lane=record.lane.value,
            template=record.template,
            app=record.app,
            reference=record.reference,
            campaign=record.campaign,
            country=record.country,
            test=record.test,
            attempts=record.attempt,
            begun_at=next((line.at for line in record.timeline if line.state is State.SUBMITTING), None),
            ended_at=_ended_at(record),
            changed_at=last.at,
            external_id=record.external_id,
            vendor_message=record.vendor_message.text if record.vendor_message else None,
            tags=dict(record.tags),
            used_at=record.used_at,
            recipient=record.recipient_hash or None,
            number=None if record.forgotten else number,
            timeline=tuple(map(_line, record.timeline)),
            exported_at=exported_at,
        )

    @property
    def version(self) -> Version:
        """Which version of which message it is."""
        return Version(self.message_id, self.accepted_at, self.revision, self.changed_at, self.used_at is not None)


def _ended_at(record: Record) -> int:
    """Since when it is in its state without interruption: later lines may be notes of further reports."""
    ended = record.timeline[-1].at
    for line in reversed(record.timeline):
        if line.state is not record.state:
            break
        ended = line.at
    return ended


def _line(entry: Entry) -> dict[str, Any]:
    """``at`` in ms, as ``updated_on``, the vendor's timestamp of a report."""
    return {
        "at": entry.at,
        "state": entry.state.value,
        "attempt": entry.attempt,
        "code": entry.code or None,
        "rule": entry.rule or None,
        "updated_on": entry.updated_on,
    }
