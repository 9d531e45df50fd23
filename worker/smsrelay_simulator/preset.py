"""The gateway's errors by name, as the Aliyun API gateway's docs and clients show them.

Enters: a name. Leaves: status, error code, message and the class of what may be done next. A name ending in
``_old`` is the same error from an older instance, which sets only ``X-Ca-Error-Message``.
"""

from dataclasses import dataclass

THROTTLED = "throttled"
HALTED = "halted"
REFUSED = "refused"
UNREACHABLE = "unreachable"
UNCERTAIN = "uncertain"
ACCEPTED = "accepted"
RESET = "reset"


@dataclass(frozen=True, slots=True)
class Preset:
    """One error answer. Empty ``code`` and ``message``: the header is not sent."""

    outcome: str
    http: int
    code: str = ""
    message: str = ""


_STRING_TO_SIGN = "Server StringToSign:`POST#*/*##application/x-www-form-urlencoded##/comms/sms/sendmsg`"

PRESETS: dict[str, Preset] = {
    "throttled_429": Preset(THROTTLED, 429, "", "Throttled by API Flow Control"),
    "throttled_429_bare": Preset(THROTTLED, 429),
    "throttled_403": Preset(THROTTLED, 403, "", "Throttled by USER Flow Control"),
    "throttled_group_old": Preset(THROTTLED, 403, "", "TThrottled by GROUP Flow Control"),
    "throttled_T": Preset(THROTTLED, 429, "T429ID", "Throttled by DOMAIN Flow Control"),
    "quota_exhausted": Preset(HALTED, 403, "B403MQ", "Api Market Subscription quota exhausted"),
    "quota_exhausted_old": Preset(HALTED, 403, "", "Quota Exhausted"),
    "quota_expired": Preset(HALTED, 403, "B403ME", "Api Market Subscription expired"),
    "quota_expired_old": Preset(HALTED, 403, "", "Quota Expired"),
    "arrears": Preset(HALTED, 403, "B403OD", "Provider Account Overdue"),
    "arrears_old": Preset(HALTED, 403, "", "User Arrears"),
    "unsubscribed": Preset(HALTED, 403, "B403MI", "Api Market Subscription invalid"),
    "bad_appcode": Preset(HALTED, 400, "A400AC", "Invalid AppCode `not exists`"),
    "bad_appcode_old": Preset(HALTED, 403, "", "Invalid AppCode"),
    "bad_appkey": Preset(HALTED, 400, "A400IK", "Invalid AppKey"),
    "bad_appkey_old": Preset(HALTED, 400, "", "Invalid AppKey"),
    "bad_signature": Preset(HALTED, 403, "A403IS", f"Invalid Signature, {_STRING_TO_SIGN}"),
    "bad_signature_old": Preset(HALTED, 400, "", f"Invalid Signature, {_STRING_TO_SIGN}"),
    "unauthorized": Preset(HALTED, 403, "I403AA", "Unauthorized"),
    "unauthorized_old": Preset(HALTED, 403, "", "Unauthorized"),
    "authorization_expired_old": Preset(HALTED, 403, "", "Expiry of Authorization"),
    "timestamp_expired_old": Preset(HALTED, 400, "", "Timestamp Expired"),
    "empty_signature_old": Preset(HALTED, 401, "", "Empty Signature"),
    "missing_header": Preset(HALTED, 400, "I400MH", "Header `X-Ca-Key` is Required"),
    "refused_400": Preset(REFUSED, 400, "I400MP", "Parameter `mobile` is Required"),
    "refused_400_old": Preset(REFUSED, 400, "", "Invalid Param Location"),
    "not_found_404": Preset(UNREACHABLE, 404, "I404NF", "API not found"),
    "invalid_url_old": Preset(UNREACHABLE, 400, "", "Invalid Url"),
    "invalid_domain_old": Preset(UNREACHABLE, 400, "", "Invalid Domain"),
    "api_not_found_old": Preset(UNREACHABLE, 400, "", "API Not Found"),
    "unknown_403_old": Preset(UNREACHABLE, 403, "", "Something New"),
    "service_unavailable_old": Preset(UNREACHABLE, 503, "", "Service Unavailable"),
    "refused_413": Preset(REFUSED, 413, "I413RL", "Request body too Large"),
    "unreachable_503": Preset(UNREACHABLE, 503),
    "D503": Preset(UNREACHABLE, 503, "D503BB", "Backend circuit breaker busy"),
    "D503CB": Preset(UNREACHABLE, 503, "D503CB", "Backend circuit breaker open"),
    "D504CO": Preset(UNREACHABLE, 504, "D504CO", "Backend service connect failed"),
    "D504CS": Preset(UNREACHABLE, 504, "D504CS", "Backend http ssl connect failed"),
    "D504IL": Preset(UNREACHABLE, 504, "D504IL", "Internal loopback connect failed"),
    "D504TO": Preset(UNCERTAIN, 504, "D504TO", "Backend service request timeout"),
    "D504TO_old": Preset(UNCERTAIN, 504, "", "Backend service request timeout"),
    "nonce_used": Preset(UNCERTAIN, 403, "S403NU", "Nonce Used"),
    "nonce_used_old": Preset(UNCERTAIN, 400, "", "Nonce Used"),
    "internal_error_old": Preset(UNCERTAIN, 500, "", "Internal Error"),
    "backend_failed_old": Preset(UNCERTAIN, 500, "", "Failed To Invoke Backend Service"),
    "async_service_old": Preset(UNCERTAIN, 504, "", "Async Service"),
    "D502": Preset(UNCERTAIN, 502, "D502FC", "Backend function response malformed"),
    "http_500": Preset(UNCERTAIN, 500),
    "http_502": Preset(UNCERTAIN, 502),
    "http_504": Preset(UNCERTAIN, 504),
}


def outcome_of_status(http: int, code: str) -> str:
    """Class of an answer that is no preset, by VENDOR.md's table: its HTTP status and gateway error code."""
    if http == 429 or code.startswith("T"):
        return THROTTLED
    if http == 503:
        return UNREACHABLE
    if http >= 500:
        return UNCERTAIN
    return REFUSED if http >= 400 else ACCEPTED
