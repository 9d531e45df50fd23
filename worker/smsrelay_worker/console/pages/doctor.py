"""Doctor: what the checks of ``smsrelay doctor`` found, each with what to do."""

from starlette.responses import Response

from smsrelay_worker.console.checkup import Checkup
from smsrelay_worker.console.page import Page, Visit


class Doctor:
    """The checks take seconds. The page answers at once with what they found last, and renews itself."""

    def __init__(self, checkup: Checkup) -> None:
        self._checkup = checkup

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/doctor", get=self._show, post=self._again)]

    def _show(self, visit: Visit) -> Response:
        examined = self._checkup.latest()
        counts = {one: examined.count(one) for one in ("error", "warning", "note")}
        return visit.page("doctor.html", here="doctor", examined=examined, counts=counts)

    def _again(self, visit: Visit) -> Response:
        self._checkup.start()
        return visit.go("/doctor")
