"""Suppressed: the lists of numbers that want no marketing; looking a number up, adding and removing one.

Numbers come by POST alone, and none goes back but masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from smsrelay.contract.key_name import key_names
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.masked_number import masked_number
from smsrelay.contract.phone_number import e164
from smsrelay.contract.suppression import EVERYONE, Suppression, app_list, signature_list
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.console.page import Page, Refused, Visit
from smsrelay_worker.console.recorder import ActionRecorder

BY_CONSOLE = "console"  # the source of an entry
_LONGEST = 64  # characters of a number


@dataclass(frozen=True, slots=True)
class ListRow:
    """One list, and how many numbers it holds; ``lost``: of these, under keys that are not in use, so they suppress nothing."""

    kind: str
    of: str
    numbers: int
    lost: int


class Suppressed:
    """The page."""

    def __init__(self, lists: Suppressions, number_keys: KeyRing, recorder: ActionRecorder) -> None:
        self._lists = lists
        self._key_names = key_names(number_keys)
        self._recorder = recorder

    def pages(self) -> list[Page]:
        """What it answers. To look a number up is allowed everywhere."""
        return [
            Page("/suppressed", get=self._show, post=self._look_up),
            Page("/suppressed/change", post=self._change, changes=True),
        ]

    def _show(self, visit: Visit) -> Response:
        return self._page(visit)

    def _page(self, visit: Visit, number: str = "", found: Sequence[Suppression] | None = None, wrong: str = "") -> Response:
        rows = [ListRow(*kind_of(one.list), one.numbers, one.under_others(self._key_names)) for one in self._lists.counts()]
        listed = [(*kind_of(one.list), one) for one in found or ()]
        return visit.page(
            "suppressed.html",
            here="suppressed",
            status=422 if wrong else 200,
            lists=rows,
            number=masked_number(number) if number else "",
            looked_up=found is not None,
            found=listed,
            wrong=wrong,
        )

    def _look_up(self, visit: Visit) -> Response:
        try:
            number = _number(visit)
        except ValueError as error:
            return self._page(visit, wrong=str(error))
        return self._page(visit, number, self._lists.of(number))

    def _change(self, visit: Visit) -> Response:
        verb = visit.field("do")
        if verb not in {"add", "remove"}:
            raise Refused(400, "form")
        try:
            number, name = _number(visit), _list(visit)
        except ValueError as error:
            return self._page(visit, wrong=str(error))
        with self._recorder.recorded(visit, f"suppress {verb}", f"list:{name} number:{masked_number(number)}") as action:
            [changed] = self._lists.add([number], name, BY_CONSOLE) if verb == "add" else self._lists.remove([number], name)
            action.result = ("added" if verb == "add" else "removed") if changed else "nothing to change"
        said = f"suppressed.{'done' if changed else 'was'}_{verb}"
        return visit.done("/suppressed", said, number=masked_number(number))


def kind_of(name: str) -> tuple[str, str]:
    """What a list is of, and which one: ``app``, ``sig`` or ``everyone``."""
    kind, colon, of = name.partition(":")
    return (kind, of) if colon else ("everyone", "")


def _number(visit: Visit) -> str:
    """The number in E.164; raises ``ValueError``, which quotes none of it."""
    return e164(visit.field("number")[:_LONGEST])


def _list(visit: Visit) -> str:
    """The list that the form names; raises ``ValueError``."""
    of = visit.field("of")
    match visit.field("kind"):
        case "app":
            return app_list(of)
        case "sig":
            return signature_list(of)
        case "everyone":
            return EVERYONE
    raise Refused(400, "form")
