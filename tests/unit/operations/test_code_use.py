"""Shares of used codes: what is summed, and which country is suspected."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.operations.code_use import WEEK, CodeUse, code_use, gives_feedback, low_shares
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.traffic.pumping import unused
from smsrelay_worker.store.code_counts import CodesOfDays

TODAY = 20_785
Days = Mapping[tuple[int, str], tuple[int, int]]

COUNTS = st.dictionaries(
    st.tuples(st.integers(TODAY - 8, TODAY), st.sampled_from(["1", "44", "86", "92"])),
    st.integers(0, 2000).flatmap(lambda accepted: st.tuples(st.just(accepted), st.integers(0, accepted))),
    max_size=24,
)


def codes(counts: Days) -> CodesOfDays:
    accepted = {place: count for place, (count, _) in counts.items()}
    return CodesOfDays(TODAY, accepted, {place: count for place, (_, count) in counts.items()})


def suspected(counts: Days) -> list[str]:
    return [one.use.country for one in low_shares(codes(counts))]


@given(COUNTS)
def test_what_is_shown_is_the_sum_of_the_days_and_a_share_is_between_nothing_and_all(counts: Days) -> None:
    for days in (1, WEEK):
        shown = code_use(codes(counts), days)
        wanted = [pair for (day, _), pair in counts.items() if day > TODAY - days]
        assert sum(one.accepted for one in shown) == sum(accepted for accepted, _ in wanted)
        assert sum(one.used for one in shown) == sum(used for _, used in wanted)
        assert all(0 <= one.share <= 1 for one in shown)
        assert [one.accepted for one in shown] == sorted((one.accepted for one in shown), reverse=True)


@given(COUNTS)
def test_a_suspected_country_has_a_hundred_codes_and_less_than_half_of_the_usual_share(counts: Days) -> None:
    for one in low_shares(codes(counts)):
        assert one.use.accepted >= 100
        assert one.use.share < one.usual / 2
        assert (one.use.accepted, one.use.used) == counts[one.day, one.use.country]


@given(COUNTS)
def test_where_no_app_gives_feedback_no_country_is_suspected(counts: Days) -> None:
    silent = {place: (accepted, 0) for place, (accepted, _) in counts.items()}
    assert not gives_feedback(codes(silent))
    assert suspected(silent) == []


@given(COUNTS, st.sampled_from(["1", "44", "86", "92"]))
def test_more_used_codes_never_make_a_country_suspected(counts: Days, country: str) -> None:
    all_used = {place: (accepted, accepted if place[1] == country else used) for place, (accepted, used) in counts.items()}
    assert country not in suspected(all_used)


def test_a_country_whose_codes_nobody_uses_stands_out_from_the_others() -> None:
    assert suspected({(TODAY, "86"): (5000, 3100), (TODAY, "92"): (400, 8)}) == ["92"]
    [finding] = unused(low_shares(codes({(TODAY, "86"): (5000, 3100), (TODAY, "92"): (400, 8)})))
    assert finding.severity is Severity.WARNING
    assert finding.problem == "of 400 codes to +92 in a day, 2% were used; in the other countries it was 62%"


def test_a_country_alone_is_compared_with_its_own_week() -> None:
    week: Days = {(TODAY - day, "86"): (500, 300) for day in range(1, 8)}
    assert suspected({**week, (TODAY, "86"): (3000, 350)}) == ["86"]
    assert suspected({**week, (TODAY, "86"): (3000, 1700)}) == []
    [finding] = unused(low_shares(codes({**week, (TODAY, "86"): (3000, 350)})))
    assert "in the week before it was 60%" in finding.problem


def test_yesterdays_codes_are_still_judged_and_older_ones_no_more() -> None:
    assert suspected({(TODAY - 1, "86"): (500, 300), (TODAY - 1, "92"): (500, 0)}) == ["92"]
    assert suspected({(TODAY - 2, "86"): (500, 300), (TODAY - 2, "92"): (500, 0)}) == []


@pytest.mark.parametrize(("accepted", "used"), [(99, 0), (100, 31), (100, 60), (100, 100)])
def test_few_codes_or_a_share_near_the_usual_one_suspect_nobody(accepted: int, used: int) -> None:
    assert suspected({(TODAY, "86"): (1000, 600), (TODAY, "92"): (accepted, used)}) == []


def test_a_low_share_that_chance_explains_suspects_nobody() -> None:
    assert suspected({(TODAY, "86"): (1000, 50), (TODAY, "92"): (100, 1)}) == []  # five were to be expected


def test_at_most_fifty_countries_are_shown_those_with_most_codes() -> None:
    shown = code_use(codes({(TODAY, str(country)): (country, 0) for country in range(1, 201)}), 1)
    assert [one.country for one in shown] == [str(country) for country in range(200, 150, -1)]


def test_feedback_on_codes_that_were_never_counted_makes_no_share_of_more_than_all() -> None:
    late = CodesOfDays(TODAY, {(TODAY, "86"): 1}, {(TODAY, "86"): 5, (TODAY, "1"): 2})
    assert code_use(late, 1) == (CodeUse("86", 1, 1),)
