"""The name under which a file's messages are watched, paused and cancelled. Pure.

Names are those that a job's ``campaign`` takes: 1 to 64 letters (also Chinese), digits, hyphens, underscores or dots.
"""

import re

from smsrelay.contract.job import CAMPAIGN_NAME
from smsrelay.contract.rejection import Rejection

_STEM, _DIGEST = 40, 8  # characters of the file's name and of its digest


def campaign_name(given: str | None, stem: str, digest: str) -> str:
    """The name that was given, or one made of the file's name and content; raises ``Rejection`` for one that is not allowed."""
    if given is None:
        readable = re.sub(r"[^A-Za-z0-9_.一-鿿]+", "-", stem)[:_STEM].strip("-.")
        return "-".join(filter(None, (readable or "bulk", digest[:_DIGEST])))
    if re.fullmatch(CAMPAIGN_NAME, given) is None:
        raise Rejection.of("--campaign", "a name has 1 to 64 letters (also Chinese), digits, hyphens, underscores or dots")
    return given
