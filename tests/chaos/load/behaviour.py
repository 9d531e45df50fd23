"""Picks, by weight, how the simulated vendor treats a message.

Takes a seeded ``Random`` and a lane; returns a script for the simulator: a ``sim:`` sequence in a parameter or, where that
notation cannot express it, JSON for a single recipient. Each behaviour's name lists its steps in order.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.windows import REPORT_DEADLINE

_Step = dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way the vendor may treat a message. ``steps`` that are all strings are sent as a ``sim:`` parameter."""

    name: str
    weight: int
    steps: tuple[_Step, ...]

    @property
    def sequence(self) -> str | None:
        """The steps as a parameter, if all are strings."""
        texts = [step for step in self.steps if isinstance(step, str)]
        return "sim:" + "/".join(texts) if len(texts) == len(self.steps) else None

    @property
    def script(self) -> dict[str, Any]:
        """The steps as JSON."""
        return {"submits": list(self.steps)}


def _told(name: str, weight: int) -> Behaviour:
    return Behaviour(name, weight, tuple(name.split("/")))


def _reports(*reports: dict[str, Any], **answer: Any) -> dict[str, Any]:
    return {**answer, "reports": list(reports)}


def _report(code: int, after: float, **more: Any) -> dict[str, Any]:
    return {"code": code, "after": after, **more}


_EARLY = {"code": 200, "before_answer": True}

BEHAVIOURS = (
    # what the vendor mostly does
    _told("200", 160),
    _told("203+200", 40),
    Behaviour("200 late", 30, (_reports(_report(200, 6)),)),
    Behaviour("200 in the priced shape", 20, (_reports(_report(200, 0.5, shape="priced")),)),
    Behaviour("200 in the misprinted shape", 10, (_reports(_report(200, 0.5, shape="misprint")),)),
    # reports that call for another attempt, and reports that end the message
    _told("503/200", 30),
    _told("505/210/200", 15),
    _told("210/200", 20),
    _told("503/503/503/503", 8),
    _told("505", 6),
    _told("504", 15),
    _told("211", 8),
    _told("250", 6),
    # reports that never come, come twice, late, early, out of order, forged
    _told("never", 8),
    Behaviour("200 three times", 20, (_reports(_report(200, 0.3, repeat=3)),)),
    Behaviour("503 twice, then 200", 12, (_reports(_report(503, 0.3, repeat=2)), "200")),
    Behaviour("early 200", 20, (_reports(_EARLY),)),
    Behaviour("early 203, then 200", 10, (_reports({"code": 203, "before_answer": True}, _report(200, 1)),)),
    Behaviour("200 overtakes 203", 15, (_reports(_report(200, 0.3), _report(203, 1, age=5)),)),
    Behaviour("503 overtakes an older 203", 12, (_reports(_report(503, 0.3), _report(203, 0.8, age=5)), "200")),
    Behaviour("504, yet 200 at last", 8, (_reports(_report(504, 0.3), _report(200, 3)),)),
    Behaviour("503, then 200 of the same submit", 8, (_reports(_report(503, 0.3), _report(200, 2)), "200")),
    Behaviour("200 after the deadline", 3, (_reports(_report(200, REPORT_DEADLINE + 3)),)),
    Behaviour("forged 504, true 200", 8, (_reports(_report(504, 0.1, forged=True), _report(200, 0.8)),)),
    # no answer, or a meaningless one
    _told("reset_before/200", 12),
    _told("reset_after+200", 20),
    _told("reset_after+never/200", 8),
    _told("reset_after+503/200", 10),
    Behaviour("early 200, then reset", 8, (_reports(_EARLY, answer="reset_after"),)),
    Behaviour("time-out, 200 meanwhile", 12, (_reports(_report(200, 1), answer="timeout_after", delay=5),)),
    Behaviour("time-out, 200 later", 12, (_reports(_report(200, 7), answer="timeout_after", delay=5),)),
    Behaviour("time-out, never", 5, (_reports(answer="timeout_after", delay=5), "200")),
    Behaviour("answer after 2 s", 15, ({"answer": "accept", "delay": 2.0},)),
    _told("http_500/200", 8),
    _told("http_502+200", 8),
    _told("D504TO+503/200", 5),
    _told("9999+200", 6),
    _told("1999/200", 6),
    _told("garbage+200", 10),
    _told("empty/200", 5),
    # rejected, throttled, unreachable
    _told("i005", 10),
    _told("refused_400", 6),
    # rare: one throttled submit pauses all submits for a second or more
    _told("throttled_429/200", 1),
    _told("throttled_T/throttled_403/503/200", 1),
    _told("quota_exhausted/200", 1),  # halts all submits until a probe is answered
    _told("D504CO/200", 12),
    _told("unreachable_503/D503/200", 10),
)

# The vendor defers late enough that the worker is cut off first; whoever begins the attempt again then hears nothing.
_PUT_OFF_FOR = 1.5  # seconds before the vendor answers
_NO_WORD = ({"answer": "reset_after", "reports": []}, "200")
_THROTTLED = {"answer": "throttled_429", "delay": _PUT_OFF_FOR}
_HALTED = {"answer": "quota_exhausted", "delay": _PUT_OFF_FOR}
THROTTLED_THEN_UNCERTAIN = Behaviour("throttled, then reset, never", 0, (_THROTTLED, *_NO_WORD))
HALTED_THEN_UNCERTAIN = Behaviour("halted, then reset, never", 0, (_HALTED, *_NO_WORD))
AIMED = (THROTTLED_THEN_UNCERTAIN, HALTED_THEN_UNCERTAIN)
_WEIGHTS = [behaviour.weight for behaviour in BEHAVIOURS]


def choose(random: Random) -> Behaviour:
    """Pick one behaviour by weight."""
    return random.choices(BEHAVIOURS, _WEIGHTS)[0]
