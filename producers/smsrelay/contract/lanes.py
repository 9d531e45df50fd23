"""The three lanes a message can travel in, and the queue of each.

A lane is a promise about urgency: ``otp`` (验证码) is served first, ``notice`` (通知) next, ``marketing`` (营销) last.
"""

from enum import StrEnum

STATUS_QUEUE = "sms.status"

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE


class Lane(StrEnum):
    """Urgency of a message; the value is the word used on the wire."""

    OTP = "otp"
    NOTICE = "notice"
    MARKETING = "marketing"

    @property
    def queue(self) -> str:
        """Name of the broker queue this lane travels in."""
        return f"sms.{self.value}"

    @property
    def default_lifetime(self) -> int:
        """Seconds after which a message nobody gave a deadline is no longer worth sending."""
        return 5 * _MINUTE if self is Lane.OTP else _DAY
