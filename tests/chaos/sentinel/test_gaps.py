"""How long nobody was told anything, by kind of fault."""

import pytest

from tests.chaos.sentinel.gaps import Gaps, gap_rows, gaps
from tests.chaos.sentinel.hand import Done

LOAD = [(0, 100_000)]
EVERY_SECOND = range(0, 100_001, 1000)


def without(since: int, until: int) -> list[int]:
    return [at for at in EVERY_SECOND if not since < at < until]


def test_the_longest_gap_of_each_fault_is_found() -> None:
    done = [Done("killed", 10_500, 12_000, whole=20_000), Done("killed", 40_500, 41_000, whole=45_000)]
    found = gaps(done, without(11_000, 16_000), without(41_000, 44_000), LOAD)
    assert found == {"killed": Gaps([5.0, 1.0], [1.0, 3.0])}


def test_a_gap_counts_from_the_fault_on() -> None:
    assert gaps([Done("killed", 10_500, 11_000)], without(10_000, 14_000), EVERY_SECOND, LOAD) == {"killed": Gaps([3.5], [1.0])}


def test_a_fault_beside_one_of_servers_does_not_count() -> None:
    done = [Done("killed", 10_000, 12_000, whole=20_000), Done("frozen", 15_000, 16_000), Done("frozen", 30_000, 31_000)]
    assert len(gaps(done, EVERY_SECOND, EVERY_SECOND, LOAD)["frozen"].accept) == 1


def test_the_silence_after_the_load_is_no_gap() -> None:
    done = [Done("killed", 95_500, 97_000, whole=99_000)]
    assert gaps(done, EVERY_SECOND, EVERY_SECOND, LOAD) == {"killed": Gaps([1.0], [1.0])}


@pytest.mark.parametrize("found", [{}, {"killed": Gaps([1.0, 3.0, 9.0], [2.0, 2.0, 4.0])}])
def test_the_table_has_a_row_for_each_kind(found: dict[str, Gaps]) -> None:
    rows = list(gap_rows(found))
    assert rows[2:] == (["| killed | 3 | 3.0, 9.0 | 2.0, 4.0 |"] if found else [])
