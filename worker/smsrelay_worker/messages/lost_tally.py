"""What an attempt whose lease ran out adds to the counts of the store. Pure."""

from smsrelay.messages.record import Record
from smsrelay.messages.tally import NO_CODE, SUBMITS, Tally, series
from smsrelay_worker.vendors.name import VENDOR

_UNKNOWN = "unknown"  # in place of the answer's kind


def lost_tally(record: Record) -> Tally:
    """One submit of which nobody knows whether it happened. Should its answer be recorded after all, that counts as well."""
    return Tally((series(SUBMITS, VENDOR, record.lane.value, _UNKNOWN, NO_CODE),))
