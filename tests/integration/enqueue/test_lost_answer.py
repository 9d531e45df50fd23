"""The store does what a command asks, and its answer is lost on the way: the command still says what became of it."""

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.forked_command import run_command
from tests.support.lossy import losing_one_answer
from tests.support.messages import NUMBER_KEY, answer, begin, enqueuer, job


def run(valkey_url: str, *arguments: str, losing: bytes | None = None) -> str:
    """What the command says with the store behind a way that loses one answer."""
    port = int(valkey_url.rpartition(":")[2].partition("/")[0])
    with losing_one_answer(port, losing) as lossy:
        environment = {
            "PATH": "/usr/bin:/bin",
            "SMSRELAY_BROKER_URL": valkey_url,
            "SMSRELAY_STORE_URL": f"redis://127.0.0.1:{lossy.port}/0",
            "SMSRELAY_NUMBER_KEYS": NUMBER_KEY,
            "SMSRELAY_APPCODE": "code",
        }
        ended = run_command(arguments, environment)
        assert lossy.lost.is_set()
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_cancel_whose_answer_is_lost_is_cancelled(store: Records, redis: StoreRedis, valkey_url: str) -> None:
    message_id = enqueuer(redis, valkey_url).enqueue(job()).message_id
    assert run(valkey_url, "cancel", message_id) == "cancelled\n"
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.CANCELLED


def test_a_replay_whose_answer_is_lost_is_queued_and_published(store: Records, redis: StoreRedis, valkey_url: str) -> None:
    message_id = enqueuer(redis, valkey_url).enqueue(job(Lane.NOTICE)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    redis.delete(Lane.NOTICE.queue)
    assert run(valkey_url, "dead", "replay", message_id) == f"{message_id}  queued\n"
    assert redis.llen(Lane.NOTICE.queue) == 1
    reading = store.read(message_id)
    assert reading is not None
    assert [line.rule for line in reading.record.timeline].count("replay") == 1


def test_a_resume_whose_answer_is_lost_says_that_it_resumed(redis: StoreRedis, valkey_url: str) -> None:
    limiter = RateLimiter(redis, 100)
    limiter.halt("A403")
    assert run(valkey_url, "resume", losing=b"DEL") == "resumed\n"
    assert limiter.halted() is None
