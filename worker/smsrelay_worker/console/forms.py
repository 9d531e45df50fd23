"""Reads a form's body, within a bound. Files are not taken."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from smsrelay_worker.console.page import Refused

MAX_BODY = 64 * 1024  # bytes: a page of ids to replay is 2 KB
_MOST_FIELDS = 1000
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """The fields; raises ``Refused``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Refused(415, "form")
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                raise Refused(413, "form")
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except (ValueError, ClientDisconnect):
        problem = Refused(400, "form")
    raise problem


def is_our_path(path: str) -> bool:
    """Whether a browser may be sent there: a path of this console, not another site's address."""
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
