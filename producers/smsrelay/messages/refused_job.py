"""Why jobs are refused, as they are counted: by the store when it accepts none, by a worker, and by the API. Pure."""

from enum import StrEnum

from smsrelay.contract.rejection import Rejection


class RefusedJob(StrEnum):
    """A reason. What the store refuses it counts itself, under the name of the ``Bar``: cap, country, suppressed, cancelled."""

    UNDECODABLE = "undecodable"  # no job, or no task, at all
    INVALID = "invalid"  # fields are wrong
    REFERENCE_TAKEN = "reference_taken"
    FAULT = "fault"  # recording it raised an unexpected exception
    NOT_ALLOWED = "not_allowed"  # the API key may not send it
    QUOTA = "quota"  # of the API key


_COUNTED_BY_THE_STORE = {"too_many", "suppressed", "country", "campaign_cancelled"}


def refused_as(rejection: Rejection) -> str:
    """What a rejected job is counted as; empty if the store has counted it."""
    codes = {problem.code for problem in rejection.problems}
    return "" if codes & _COUNTED_BY_THE_STORE else RefusedJob.INVALID.value
