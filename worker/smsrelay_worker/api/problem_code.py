"""ProblemCode: every reason for which the API refuses a request, each with its HTTP status and what to do about it."""

from enum import StrEnum


class ProblemCode(StrEnum):
    """The ``code`` of a problem. Published in docs/api.md; an app may decide by it."""

    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    MISSING_SCOPE = "missing_scope"
    OTHER_APP = "other_app"
    LANE_NOT_ALLOWED = "lane_not_allowed"
    NUMBER_NOT_ALLOWED = "number_not_allowed"
    LIVE_KEY_NEEDED = "live_key_needed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REFERENCE_TAKEN = "reference_taken"
    TOO_LATE = "too_late"
    ALREADY_CANCELLED = "already_cancelled"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    COMPRESSED = "compressed"
    CUT_OFF = "cut_off"
    MALFORMED = "malformed"
    INVALID = "invalid"
    SUPPRESSED = "suppressed"
    COUNTRY = "country"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    TOO_MANY = "too_many"
    QUOTA_MINUTE = "quota_minute"
    QUOTA_DAY = "quota_day"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"

    @property
    def status(self) -> int:
        """The HTTP status it is answered with."""
        return _STATUS[self]

    @property
    def meaning(self) -> str:
        """What is wrong, in one sentence."""
        return _MEANINGS[self]


_TABLE = (
    (ProblemCode.NO_KEY, 401, "The request has no key: send Authorization: Bearer KEY."),
    (ProblemCode.WRONG_KEY, 401, "The key is unknown, revoked or past its end."),
    (ProblemCode.MISSING_SCOPE, 403, "The key lacks the scope that this request needs."),
    (ProblemCode.OTHER_APP, 403, "The job names another app than the key's; leave app out."),
    (ProblemCode.LANE_NOT_ALLOWED, 403, "The key may not send in this lane."),
    (ProblemCode.NUMBER_NOT_ALLOWED, 403, "A team key reaches only the numbers of its list."),
    (ProblemCode.LIVE_KEY_NEEDED, 403, "A team or test key may not change what live messages depend on."),
    (ProblemCode.NOT_FOUND, 404, "There is no such resource, or it is another app's."),
    (ProblemCode.METHOD_NOT_ALLOWED, 405, "The resource does not have this method; Allow lists those it has."),
    (ProblemCode.REFERENCE_TAKEN, 409, "The reference was used before for other content."),
    (ProblemCode.TOO_LATE, 409, "The message cannot be cancelled any more: it was begun, or it is final."),
    (ProblemCode.ALREADY_CANCELLED, 409, "The campaign was cancelled and stays so."),
    (ProblemCode.TOO_LARGE, 413, "The body is longer than this resource takes."),
    (ProblemCode.NOT_JSON, 415, "The body must be JSON: send Content-Type: application/json."),
    (ProblemCode.COMPRESSED, 415, "The body must not be compressed: leave Content-Encoding out."),
    (ProblemCode.CUT_OFF, 422, "The body is not complete."),
    (ProblemCode.MALFORMED, 422, "The body is no JSON object: JSON in UTF-8, without a byte order mark."),
    (ProblemCode.INVALID, 422, "Some fields are wrong; errors lists all of them."),
    (ProblemCode.SUPPRESSED, 422, "The recipient wants no marketing from this sender."),
    (ProblemCode.COUNTRY, 422, "The number is in a country that this app may not text."),
    (ProblemCode.CAMPAIGN_CANCELLED, 422, "The campaign was cancelled."),
    (
        ProblemCode.TOO_MANY,
        429,
        "The number has had as many codes as a cap allows; Retry-After says how long to wait.",
    ),
    (ProblemCode.QUOTA_MINUTE, 429, "The key's quota of messages a minute is used up."),
    (ProblemCode.QUOTA_DAY, 429, "The key's quota of messages a day is used up."),
    (ProblemCode.INTERNAL, 500, "The API failed; send the same request again, with its reference."),
    (ProblemCode.UNAVAILABLE, 503, "The store did not answer; send the same request again, with its reference."),
)
_STATUS = {code: status for code, status, _ in _TABLE}
_MEANINGS = {code: title for code, _, title in _TABLE}
