"""What the answer to a submit adds to the counts of the store. Pure."""

from smsrelay.messages.record import Record
from smsrelay.messages.tally import SUBMIT, SUBMITS, Tally, observed, series
from smsrelay_worker.policy.model import DEFAULTS, Policy
from smsrelay_worker.vendors.base import Answer
from smsrelay_worker.vendors.name import VENDOR


def answer_tally(record: Record, answer: Answer, policy: Policy, took: float | None, unlisted: str) -> Tally:
    """One submit; ``took``: seconds until its answer, None if the vendor was not asked.

    ``unlisted``: how a code is shown for which the policy has no row.
    """
    listed = answer.code in policy.submit and answer.code not in DEFAULTS
    code = answer.code if listed else unlisted
    submit = Tally((series(SUBMITS, VENDOR, record.lane.value, answer.kind.value, code),), code=code)
    return submit if took is None else submit.and_(observed(SUBMIT, VENDOR, int(took * 1000)))
