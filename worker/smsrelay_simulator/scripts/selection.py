"""Selects the step that a submit plays.

The first match decides: the recipient's own script, the default script, a ``sim:`` sequence in the first parameter, the digits of
the recipient. Without a match the submit is accepted and delivered.
"""

import re
from functools import lru_cache

from smsrelay_simulator.scripts.script import Report, Script, Step

# In the wire form "a, b" the next parameter follows ", "; so a comma without a space belongs to the sequence.
_SEQUENCE = re.compile(r"[\[\s'\"]*sim:([^\s'\"\]]+?)(?:[\s'\"\]]|, |,?$)")
_SEPARATOR = re.compile(r"[,/;]")
_NUMBER = re.compile(r"\+86138([0-2])([2-5]\d\d)0\d{3}")
_PLAIN = Script(submits=(Step(),))


class Scripts:
    """The scripts that are set, and how many steps of them each recipient has played."""

    def __init__(self) -> None:
        self._by_recipient: dict[str, Script] = {}
        self._default: Script | None = None
        self._played: dict[tuple[str, str], int] = {}

    def set_recipient(self, recipient: str, script: Script) -> None:
        """Let ``recipient`` play ``script`` from its first step."""
        self._by_recipient[recipient] = script
        self._played.pop(("recipient", recipient), None)

    def set_default(self, script: Script) -> None:
        """Let all recipients without their own script play ``script`` from its first step."""
        self._default = script
        self._played = {key: count for key, count in self._played.items() if key[0] != "default"}

    def clear(self) -> None:
        """Drop all scripts, the default one too, and the counts of played steps."""
        self._by_recipient.clear()
        self._default = None
        self._played.clear()

    def next_step(self, recipient: str, parameters: str) -> Step:
        """The step of this submit, counted as played. ``parameters``: the raw text of ``templateParamSet``.

        Raises pydantic's ``ValidationError`` for a parameter that begins like a sequence and is invalid.
        """
        if (script := self._by_recipient.get(recipient)) is not None:
            return self._play(script, "recipient", recipient)
        if self._default is not None:
            return self._play(self._default, "default", recipient)
        if (sequence := _SEQUENCE.match(parameters)) is not None:
            return self._play(_sequence(sequence[1]), f"sim:{sequence[1]}", recipient)
        if (digits := _NUMBER.fullmatch(recipient)) is not None:
            return self._play(_of_number(digits[1], int(digits[2])), "number", recipient)
        return _PLAIN.submits[0]

    def _play(self, script: Script, chosen_by: str, recipient: str) -> Step:
        if len(script.submits) == 1:  # nothing to count, so a million recipients take no memory
            return script.submits[0]
        played = self._played.get((chosen_by, recipient), 0)
        self._played[chosen_by, recipient] = played + 1
        return script.step(played)


@lru_cache(maxsize=4096)
def _sequence(tokens: str) -> Script:
    return Script.model_validate({"submits": _SEPARATOR.split(tokens)})


@lru_cache(maxsize=4096)
def _of_number(kind: str, status: int) -> Script:
    """Kind 0: always the status. 1: the status on the first submit, then 200. 2: the status and then 200, each time."""
    report, delivered = Report(code=status), Report(code=200)
    if kind == "1":
        return Script(submits=(Step(reports=(report,)), Step(reports=(delivered,))))
    return Script(submits=(Step(reports=(report, delivered) if kind == "2" else (report,)),))
