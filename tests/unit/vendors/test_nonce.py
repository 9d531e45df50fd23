"""Nonces: another one each time, in every thread and for every process; a fork is in tests/integration/vendors/test_nonce.py."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from smsrelay_worker.vendors.yisha.nonce import Nonces

MANY = 2_000


def test_a_nonce_has_the_shape_of_a_uuid() -> None:
    nonces = Nonces()
    made = [nonces() for _ in range(3)]
    assert [str(uuid.UUID(nonce)) for nonce in made] == made


def test_no_two_nonces_are_the_same_across_threads() -> None:
    nonces = Nonces()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: nonces(), range(MANY)))
    assert len(set(made)) == MANY


def test_a_nonce_counts_at_its_end_and_keeps_its_front() -> None:
    nonces = Nonces()
    made = [uuid.UUID(nonces()).fields for _ in range(MANY)]
    assert len({front[:5] for front in made}) == 1
    assert [front[5] for front in made] == list(range(1, MANY + 1))


def test_another_process_has_another_front() -> None:
    assert Nonces()()[:24] != Nonces()()[:24]
