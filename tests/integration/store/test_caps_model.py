"""Caps against a plain model: whatever attempts begin, are answered or come to nothing, and whenever, no cap is exceeded."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay.messages.checks import LATEST_SUBMIT, CapCheck
from smsrelay.resources import text_beside
from smsrelay.store import keys
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.limits.clock import Clock
from smsrelay_worker.limits.model import Cap, ClockWindow, Limits, Per
from tests.unit.contract.test_send_window import CHANGES, ZONES
from tests.unit.limits.test_model import KEYS as NUMBER_KEYS
from tests.unit.limits.test_model import NUMBER, record

# caps.lua with an instant that we choose; the scripts that use it take the server's clock. The entry of an attempt moves as in
# apply.lua.
DRIVER = """
local now, lane, template, app, latest, lasts = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
if ARGV[1] == 'begin' then
  local by, free = capped(attempts_in(KEYS), cjson.decode(ARGV[8]), now)
  if by then return {by, string.format('%.0f', free)} end
  if lasts > 0 then count_attempt(KEYS[1], attempt_entry(latest, lane, template, app), now, lasts) end
  return {}
end
if redis.call('LREM', KEYS[1], -1, attempt_entry(latest, lane, template, app)) > 0 and ARGV[1] == 'settled' then
  redis.call('RPUSH', KEYS[1], attempt_entry(math.min(latest, now), lane, template, app))
end
return {}
"""

SECOND, MINUTE = 1000, 60_000
starts = st.builds(lambda minute, ms: minute * MINUTE + ms, st.sampled_from(CHANGES), st.integers(-70 * MINUTE, 70 * MINUTE))
lanes = st.sampled_from([Lane.OTP, Lane.MARKETING])
templates = st.sampled_from(["1", "2"])
apps = st.sampled_from(["shop", "bank"])
rolling = st.sampled_from([SECOND, 10 * SECOND, MINUTE, 60 * MINUTE])
clocked = st.builds(ClockWindow, st.sampled_from(Clock), st.builds(ZoneInfo, st.sampled_from(ZONES)))
some_lanes = st.lists(lanes, unique=True).map(tuple)
some_templates = st.lists(templates, unique=True).map(tuple)
caps = st.lists(
    st.builds(
        Cap, st.uuids().map(str), st.integers(1, 3), st.one_of(rolling, clocked), st.sampled_from(Per), some_lanes, some_templates
    ),
    min_size=1,
    max_size=3,
)


@dataclass
class Attempt:
    lane: Lane
    template: str
    app: str
    place: int  # of the list that holds it: there are two while a number key is replaced
    latest: int  # when it may be submitted at the latest
    submitted: int  # when it is, unless it comes to nothing
    counted: int  # the instant that the store knows
    returned: bool = False

    def counts(self, cap: Cap, other: "Attempt") -> bool:
        """Whether both count together."""
        together = {Per.NUMBER: True, Per.APP: self.app == other.app, Per.TEMPLATE: self.template == other.template}
        return cap.counts(self.lane, self.template) and cap.counts(other.lane, other.template) and together[cap.per]


class Number:
    """One number's attempts, in a real store and in a plain list."""

    def __init__(self, redis: StoreRedis, limits: Limits, now: int) -> None:
        redis.flushdb()
        self.limits, self.now = limits, now
        self.attempts: list[Attempt] = []
        self.in_flight: list[Attempt] = []
        self._script = redis.register_script(text_beside(keys.__name__, "caps.lua") + DRIVER)

    def begin(self, lane: Lane, template: str, app: str, place: int, takes: int) -> None:
        """Try to begin; the store must decide as the plain list does."""
        checks = self.limits.checks(record(lane, template, app), NUMBER, self.now, NUMBER_KEYS, None)
        expected = self._barred(checks.caps)
        attempt = Attempt(lane, template, app, place, self.now + LATEST_SUBMIT, self.now + takes, self.now + LATEST_SUBMIT)
        answer = self._run("begin", attempt, checks.lasts, json.dumps([cap.encode() for cap in checks.caps]))
        assert answer == ([] if expected is None else [expected[0], str(expected[1])])
        if expected is None:
            self.attempts.append(attempt)
            self.in_flight.append(attempt)
        else:
            assert expected[1] > self.now

    def answer(self, returned: bool) -> None:
        """The oldest attempt under way has its answer, or certainly came to nothing."""
        if self.in_flight:
            attempt = self.in_flight.pop(0)
            attempt.returned = returned
            self.now = self.now if returned else max(self.now, attempt.submitted)
            attempt.counted = min(attempt.latest, self.now)
            self._run("returned" if returned else "settled", attempt)

    def _barred(self, checks: tuple[CapCheck, ...]) -> tuple[str, int] | None:
        barred = [(free, check.name) for check in checks if (free := self._free(check))]
        if not barred:
            return None
        latest = max(free for free, _ in barred)
        return next((name, free) for free, name in barred if free == latest)

    def _free(self, check: CapCheck) -> int:
        since = self.now - check.window + 1 if check.window else check.since
        counted = sorted(
            (one.counted for one in self.attempts if self._matches(one, check) and one.counted >= since), reverse=True
        )
        if len(counted) < check.count:
            return 0
        return counted[check.count - 1] + check.window if check.window else max(check.until, self.now + SECOND)

    def _matches(self, one: Attempt, check: CapCheck) -> bool:
        in_lane = not check.lanes or one.lane.value[0] in check.lanes
        of_template = not check.templates or one.template in check.templates
        return not one.returned and in_lane and of_template and check.app in ("", one.app)

    def _run(self, what: str, attempt: Attempt, lasts: int = 0, encoded: str = "[]") -> Any:
        own, other = ("{sms}:caps:one", "{sms}:caps:two") if attempt.place == 0 else ("{sms}:caps:two", "{sms}:caps:one")
        who = attempt.lane.value, attempt.template, attempt.app
        return self._script(keys=[own, other], args=[what, self.now, *who, attempt.latest, lasts, encoded])


def over_the_cap(cap: Cap, attempts: list[Attempt]) -> Iterator[str]:
    """Submits that are too many, as a vendor would count them: each when it comes."""
    for first in attempts:
        since, until = first.submitted, first.submitted + cap.length
        if isinstance(cap.window, ClockWindow):
            since, until = cap.window.clock.bounds(first.submitted, cap.window.zone)
        together = [one for one in attempts if first.counts(cap, one) and since <= one.submitted < until]
        if len(together) > cap.count:
            yield f"{cap}: {len(together)} from {since}"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), lanes, templates, apps, st.integers(0, 1), st.integers(0, LATEST_SUBMIT)),
        st.tuples(st.just("wait"), st.one_of(st.integers(0, 12 * SECOND), st.sampled_from([MINUTE, 20 * MINUTE, 60 * MINUTE]))),
        st.tuples(st.just("answer"), st.booleans()),
    ),
    min_size=5,
    max_size=60,
)


@pytest.mark.usefixtures("redis")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(caps=caps, start=starts, steps=steps)
def test_no_number_gets_more_submits_in_any_window_than_its_cap(
    redis: StoreRedis, caps: list[Cap], start: int, steps: list[tuple[Any, ...]]
) -> None:
    number = Number(redis, Limits(caps), start)
    for what, *given_ in steps:
        if what == "begin":
            number.begin(*given_)
        elif what == "wait":
            number.now += given_[0]
        else:
            number.answer(*given_)
    submitted = [one for one in number.attempts if not one.returned]
    assert [excess for cap in caps for excess in over_the_cap(cap, submitted)] == []


@pytest.mark.usefixtures("redis")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cap=caps.map(lambda some: some[0]), start=starts, attempts=st.integers(1, 6))
def test_a_number_is_texted_as_often_as_the_cap_allows_and_again_as_soon_as_it_is_free(
    redis: StoreRedis, cap: Cap, start: int, attempts: int
) -> None:
    lane, template = (cap.lanes or (Lane.OTP,))[0], (cap.templates or ("1",))[0]
    number = Number(redis, Limits([cap]), start)
    for count in range(attempts):
        number.begin(lane, template, "shop", 0, 0)
        if len(number.attempts) <= count:  # over the cap
            check = number.limits.checks(record(lane, template, "shop"), NUMBER, number.now, NUMBER_KEYS, None).caps[0]
            assert count >= cap.count
            number.now = number._free(check)
            number.begin(lane, template, "shop", 0, 0)
        assert len(number.attempts) == count + 1
        number.answer(returned=False)
