"""Maps a code that did not come from the vendor itself to the ``Kind`` of answer behind it, for people who read a timeline.

Takes a code of the gateway, of the network or of our own, such as ``http_429``, ``D504CO`` or ``connection_reset``.
Returns every ``Kind`` that can produce it, the likeliest first; empty for any other code.
"""

import re
from collections.abc import Iterator

from smsrelay_worker.vendors.base import DEADLINE_PASSED, Kind
from smsrelay_worker.vendors.yisha.gateway import FAULTS, OTHER_ERROR, RESPONSES, Head, classify_response

_GATEWAY = re.compile(r"[A-Z]([2-5]\d\d)[A-Z0-9]{0,2}")
_BARE = re.compile(r"http_([1-5]\d\d)")
_OURS = {
    "unparsable": (Kind.UNCERTAIN,),
    "ambiguous_params": (Kind.REFUSED,),
    "worker_stalled": (Kind.UNREACHABLE,),
    DEADLINE_PASSED: (Kind.UNREACHABLE,),
    OTHER_ERROR: (Kind.UNREACHABLE, Kind.UNCERTAIN),
}


def kinds_of(code: str) -> tuple[Kind, ...]:
    """The kinds of answer that can carry this code."""
    return tuple(dict.fromkeys(_kinds(code)))


def _kinds(code: str) -> Iterator[Kind]:
    yield from _OURS.get(code, ())
    for fault in FAULTS:
        if fault.code == code:
            yield from (fault.unsent, Kind.UNCERTAIN)  # uncertain once the form had begun to leave
    yield from (row.kind for row in RESPONSES if row.name and row.name == code)
    if bare := _BARE.fullmatch(code):
        yield classify_response(Head(int(bare[1]))).kind
    if gateway := _GATEWAY.fullmatch(code):
        yield classify_response(Head(int(gateway[1]), code)).kind
        yield from (row.kind for row in RESPONSES if row.code and re.match(row.code, code))
