"""Labels of metrics for the codes of the vendor's answers. Pure.

The policy's codes are listed by its file. Any other code comes from the gateway, the network or us: those that we name ourselves,
the HTTP statuses, and a gateway's class of error with its status. Whatever else comes is ``other``, so that labels stay bounded.
"""

import re

from smsrelay.messages.tally import OTHER
from smsrelay_worker.vendors.base import DEADLINE_PASSED
from smsrelay_worker.vendors.yisha.gateway import FAULTS, OTHER_ERROR, RESPONSES

_OURS = {"unparsable", "ambiguous_params", "worker_stalled", DEADLINE_PASSED, OTHER_ERROR}
_NAMED = _OURS | {fault.code for fault in FAULTS} | {row.name for row in RESPONSES if row.name}
_HTTP = re.compile(r"http_(?:4\d\d|5\d\d|200|30[1278])")
_GATEWAY = re.compile(r"([TABDISX](?:400|401|403|404|408|413|414|429|500|502|503|504))[A-Z0-9]{0,2}")


def code_label(code: str) -> str:
    """The label for a code that is none of the policy's."""
    if code in _NAMED or _HTTP.fullmatch(code):
        return code
    gateway = _GATEWAY.fullmatch(code)
    return gateway[1] if gateway else OTHER
