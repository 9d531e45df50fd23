"""GuessBrake: guessing gets slow, and nobody is shut out for long."""

from smsrelay_worker.console.brake import GuessBrake


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def test_five_guesses_are_free_and_then_each_waits_twice_as_long_up_to_a_minute() -> None:
    clock = Clock()
    brake = GuessBrake(clock)
    assert [brake.guess("a") for _ in range(5)] == [0.0] * 5
    waits = []
    for _ in range(8):
        waits.append(brake.guess("a"))
        clock.now += waits[-1]
        assert brake.guess("a") == 0.0
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_an_ipv6_network_of_one_subscriber_has_one_wait() -> None:
    brake = GuessBrake(lambda: 0.0)
    waits = [brake.guess(f"2001:db8::{number:x}") for number in range(6)]
    assert [wait > 0 for wait in waits] == [False] * 5 + [True]
    assert brake.guess("2001:db8:0:1::1") == 0
    assert brake.guess("") == 0
    brake.succeeded("2001:db8::ffff")
    assert brake.guess("2001:db8::1") == 0


def test_a_guess_that_comes_too_soon_prolongs_nothing() -> None:
    clock = Clock()
    brake = GuessBrake(clock)
    for _ in range(5):
        brake.guess("a")
    clock.now += 1.5
    assert [brake.guess("a") for _ in range(100)] == [0.5] * 100
    clock.now += 0.5
    assert brake.guess("a") == 0.0


def test_other_addresses_are_not_slowed_down_and_a_right_guess_forgets_the_wrong_ones() -> None:
    clock = Clock()
    brake = GuessBrake(clock)
    for _ in range(5):
        brake.guess("a")
    assert brake.guess("b") == 0.0
    clock.now += 2.0
    assert brake.guess("a") == 0.0
    brake.succeeded("a")
    assert [brake.guess("a") for _ in range(5)] == [0.0] * 5


def test_old_failures_are_forgotten_and_so_are_the_oldest_of_very_many_addresses() -> None:
    clock = Clock()
    brake = GuessBrake(clock)
    for _ in range(9):
        brake.guess("a")
        clock.now += 60.0
    clock.now += 900.0
    assert [brake.guess("a") for _ in range(5)] == [0.0] * 5
    for number in range(10_000):
        brake.guess(str(number))
    assert brake.guess("a") == 0.0
