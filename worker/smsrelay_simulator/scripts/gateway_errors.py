"""The gateway's errors by name, from the docs and public clients of the Aliyun API gateway.

A name ending in ``_old`` is the same error from an older instance, which sets only ``X-Ca-Error-Message``.
"""

from dataclasses import dataclass

from smsrelay_simulator.outcome import HALTED, REFUSED, THROTTLED, UNCERTAIN, UNREACHABLE


@dataclass(frozen=True, slots=True)
class GatewayError:
    """One error answer; an empty ``code`` or ``message`` sends no header. ``outcome``: what becomes of the submit."""

    outcome: str
    http: int
    code: str = ""
    message: str = ""


_STRING_TO_SIGN = "Server StringToSign:`POST#*/*##application/x-www-form-urlencoded##/comms/sms/sendmsg`"

GATEWAY_ERRORS: dict[str, GatewayError] = {
    "throttled_429": GatewayError(THROTTLED, 429, "", "Throttled by API Flow Control"),
    "throttled_429_bare": GatewayError(THROTTLED, 429),
    "throttled_403": GatewayError(THROTTLED, 403, "", "Throttled by USER Flow Control"),
    "throttled_group_old": GatewayError(THROTTLED, 403, "", "TThrottled by GROUP Flow Control"),
    "throttled_T": GatewayError(THROTTLED, 429, "T429ID", "Throttled by DOMAIN Flow Control"),
    "quota_exhausted": GatewayError(HALTED, 403, "B403MQ", "Api Market Subscription quota exhausted"),
    "quota_exhausted_old": GatewayError(HALTED, 403, "", "Quota Exhausted"),
    "quota_expired": GatewayError(HALTED, 403, "B403ME", "Api Market Subscription expired"),
    "quota_expired_old": GatewayError(HALTED, 403, "", "Quota Expired"),
    "arrears": GatewayError(HALTED, 403, "B403OD", "Provider Account Overdue"),
    "arrears_old": GatewayError(HALTED, 403, "", "User Arrears"),
    "unsubscribed": GatewayError(HALTED, 403, "B403MI", "Api Market Subscription invalid"),
    "bad_appcode": GatewayError(HALTED, 400, "A400AC", "Invalid AppCode `not exists`"),
    "bad_appcode_old": GatewayError(HALTED, 403, "", "Invalid AppCode"),
    "bad_appkey": GatewayError(HALTED, 400, "A400IK", "Invalid AppKey"),
    "bad_appkey_old": GatewayError(HALTED, 400, "", "Invalid AppKey"),
    "bad_signature": GatewayError(HALTED, 403, "A403IS", f"Invalid Signature, {_STRING_TO_SIGN}"),
    "bad_signature_old": GatewayError(HALTED, 400, "", f"Invalid Signature, {_STRING_TO_SIGN}"),
    "unauthorized": GatewayError(HALTED, 403, "I403AA", "Unauthorized"),
    "unauthorized_old": GatewayError(HALTED, 403, "", "Unauthorized"),
    "authorization_expired_old": GatewayError(HALTED, 403, "", "Expiry of Authorization"),
    "timestamp_expired_old": GatewayError(HALTED, 400, "", "Timestamp Expired"),
    "empty_signature_old": GatewayError(HALTED, 401, "", "Empty Signature"),
    "missing_header": GatewayError(HALTED, 400, "I400MH", "Header `X-Ca-Key` is Required"),
    "refused_400": GatewayError(REFUSED, 400, "I400MP", "Parameter `mobile` is Required"),
    "refused_400_old": GatewayError(REFUSED, 400, "", "Invalid Param Location"),
    "not_found_404": GatewayError(UNREACHABLE, 404, "I404NF", "API not found"),
    "invalid_url_old": GatewayError(UNREACHABLE, 400, "", "Invalid Url"),
    "invalid_domain_old": GatewayError(UNREACHABLE, 400, "", "Invalid Domain"),
    "api_not_found_old": GatewayError(UNREACHABLE, 400, "", "API Not Found"),
    "unknown_403_old": GatewayError(UNREACHABLE, 403, "", "Something New"),
    "service_unavailable_old": GatewayError(UNREACHABLE, 503, "", "Service Unavailable"),
    "refused_413": GatewayError(REFUSED, 413, "I413RL", "Request body too Large"),
    "unreachable_503": GatewayError(UNREACHABLE, 503),
    "D503": GatewayError(UNREACHABLE, 503, "D503BB", "Backend circuit breaker busy"),
    "D503CB": GatewayError(UNREACHABLE, 503, "D503CB", "Backend circuit breaker open"),
    "D504CO": GatewayError(UNREACHABLE, 504, "D504CO", "Backend service connect failed"),
    "D504CS": GatewayError(UNREACHABLE, 504, "D504CS", "Backend http ssl connect failed"),
    "D504IL": GatewayError(UNREACHABLE, 504, "D504IL", "Internal loopback connect failed"),
    "D504TO": GatewayError(UNCERTAIN, 504, "D504TO", "Backend service request timeout"),
    "D504TO_old": GatewayError(UNCERTAIN, 504, "", "Backend service request timeout"),
    "nonce_used": GatewayError(UNCERTAIN, 403, "S403NU", "Nonce Used"),
    "nonce_used_old": GatewayError(UNCERTAIN, 400, "", "Nonce Used"),
    "internal_error_old": GatewayError(UNCERTAIN, 500, "", "Internal Error"),
    "backend_failed_old": GatewayError(UNCERTAIN, 500, "", "Failed To Invoke Backend Service"),
    "async_service_old": GatewayError(UNCERTAIN, 504, "", "Async Service"),
    "D502": GatewayError(UNCERTAIN, 502, "D502FC", "Backend function response malformed"),
    "http_500": GatewayError(UNCERTAIN, 500),
    "http_502": GatewayError(UNCERTAIN, 502),
    "http_504": GatewayError(UNCERTAIN, 504),
}
