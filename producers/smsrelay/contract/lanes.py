"""Lane: how urgent a message is, and the queue that carries it.

``otp`` (验证码) is served first, ``notice`` (通知) next, ``marketing`` (营销) last.
"""

from enum import StrEnum

STATUS_QUEUE = "sms.status"
OUTCOME_QUEUE = "sms.outcome"

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE


class Lane(StrEnum):
    """Urgency of a message; the value is its name on the wire."""

    OTP = "otp"
    NOTICE = "notice"
    MARKETING = "marketing"

    @property
    def queue(self) -> str:
        """Name of this lane's broker queue."""
        return f"sms.{self.value}"

    @property
    def default_lifetime(self) -> int:
        """Seconds until a message expires that was given no deadline."""
        return 5 * _MINUTE if self is Lane.OTP else _DAY
