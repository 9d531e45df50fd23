"""A status callback as the vendor's guide prints it, key by key; with "updated on", as its text has it, or with "updated_on"."""

from collections.abc import Callable

from smsrelay_simulator.reports.status_text import text_of

GUIDE_INSTANT = "2020-06-08T04:20:09.873298Z"

# The guide's own text, misprint included, with the places that differ from report to report left open.
_GUIDE = """{
    "reference_id":"65CA48A0752012689190921055936659",
    "external_id":"%s",
    "status":{
        "updated on":"%s",
        "code":%d,
        "description": "%s"
    }
}
"""


def guide_report(code: int, instant: str = GUIDE_INSTANT, misprinted: bool = True) -> Callable[[str], str]:
    """Makes the body from the external id."""

    def body(external_id: str) -> str:
        text = _GUIDE % (external_id, instant, code, text_of(code) or "Not in the guide")
        return text if misprinted else text.replace("updated on", "updated_on")

    return body
