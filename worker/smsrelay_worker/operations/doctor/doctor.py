"""Doctor: looks for what is known to lose or double messages, in the settings, at store and broker, and on this host.

Enters: the environment, and the servers it names. Leaves: findings, each with what to do; nothing is changed anywhere, but that a
RabbitMQ has its queues and exchanges declared, as a worker would.
A server that does not answer is a finding, too, as are settings that no worker starts with: then what the receiver needs is
still looked at. Nothing is asked of the vendor; beside store and broker, only the callback URL is called.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable

from redis import Redis

from smsrelay.broker.queues import transport_options
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Approval, Registry, load_registry
from smsrelay.enqueue import CHUNK
from smsrelay.receiver.spool import Spool, SpoolUnavailable
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.settings import ProducerSettings, SettingsError
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.operations.doctor import access
from smsrelay_worker.operations.doctor.access import Refusal
from smsrelay_worker.operations.doctor.broker import RABBITMQ_PATIENCE, examine_broker, same_server
from smsrelay_worker.operations.doctor.callback import examine_callback
from smsrelay_worker.operations.doctor.finding import Finding, checked, error, warning
from smsrelay_worker.operations.doctor.host import is_local, open_files, open_vendor
from smsrelay_worker.operations.doctor.server import clocks, examine_messages, examine_server, recent_templates
from smsrelay_worker.operations.doctor.workers import examine_workers
from smsrelay_worker.policy.toml_file import PolicyError, load_policy
from smsrelay_worker.settings import WorkerSettings, flower_login
from smsrelay_worker.shared_settings import shared_settings
from smsrelay_worker.store.worker_registry import WorkerRegistry
from smsrelay_worker.vendors.factory import create_vendor

TEST_TEMPLATE = "0000000"  # the vendor's public one [V]

_SHORT_SECRET = 24  # characters; 24 of hex are 96 bits
_SHORT_PASSWORD = 8
_FEW = 6  # different characters of a secret; even 16 random ones of hex hold fewer only once in 30,000 times
_PLACEHOLDER = re.compile(
    r"change|demo|example|placeholder|replace|secret|password|your[-_ ]|test|0123456789|1234567890|abcdef0|qwerty", re.IGNORECASE
)

Clock = Callable[[], float]


def examine(wall_clock: Clock = time.time) -> list[Finding]:
    """Every check there is, on the settings of the environment. ``wall_clock`` tells this host's time in epoch seconds."""
    try:
        settings = WorkerSettings()
    except SettingsError as problems:
        return [*_wrong_settings(str(problems)), *_examine_without_worker(wall_clock)]
    used, at_store = examine_store(settings, wall_clock)
    of_settings = checked("settings", lambda: examine_settings(settings, used))
    at_broker = checked("broker", lambda: examine_broker(settings))
    permitted = checked("rights", lambda: rights(access.of_worker(settings)))
    at_receiver = checked("callback", lambda: examine_callback(settings.callback_url, settings.secret_bytes))
    workers = checked("workers", lambda: _workers(settings))
    spooled = checked("spool", lambda: [*examine_spool(settings), *open_files(settings)])
    return [*of_settings, *at_store, *at_broker, *permitted, *at_receiver, *workers, *spooled]


def examine_settings(settings: WorkerSettings, used: Collection[str] = ()) -> list[Finding]:
    """What the settings alone tell; ``used`` are the templates seen lately."""
    real = is_real(settings)
    longest = CHUNK * (Timeouts().slot + settings.connect_timeout + settings.read_timeout)
    return [
        *account(settings),
        *open_vendor(settings),
        *callback(settings.callback_url, real),
        *secret(settings.secret.get_secret_value(), real),
        *flower(settings.flower_auth.get_secret_value() if settings.flower_auth else None),
        *_templates(settings, used, real),
        *_redelivery(settings, longest),
    ]


def account(settings: WorkerSettings) -> list[Finding]:
    """What the vendor's account and the policy file lack to start a worker with."""
    found = []
    try:
        create_vendor(settings)
    except SettingsError as problem:
        found.append(error("settings", str(problem), "correct it; no worker starts with it"))
    try:
        load_policy(settings.policy)
    except (PolicyError, OSError) as problem:
        found.append(error("policy", _told(problem), "`smsrelay policy --file COPY` until it is right; no worker starts with it"))
    return found


def callback(url: str | None, real: bool) -> list[Finding]:
    """Of the receiver's public address; ``real``: the vendor is out on the internet."""
    remedy = "SMSRELAY_CALLBACK_URL: the receiver's https:// address as the vendor reaches it"
    if url is None:
        return [error("callback", "there is no callback URL: no report ever comes, and every message ends as unknown", remedy)]
    if not real:
        return []
    found = []
    if is_local(url):
        found.append(
            error("callback", "the callback URL's host is private, and the vendor cannot reach it: no report comes", remedy)
        )
    if not url.startswith("https://"):
        problem = "the callback URL is not https: whoever reads along can take or forge reports"
        found.append(warning("callback", problem, remedy))
    return found


def secret(value: str, real: bool) -> list[Finding]:
    """Of the key of callback tokens: who guesses it can forge reports."""
    remedy = "`openssl rand -hex 32`; another secret makes callbacks under way come in vain (docs/operating.md)"
    if _PLACEHOLDER.search(value) or len(set(value)) < _FEW:
        kind = error if real else warning
        return [kind("secret", "SMSRELAY_SECRET looks like a placeholder: who guesses it can forge reports", remedy)]
    if len(value) < _SHORT_SECRET:
        return [warning("secret", f"SMSRELAY_SECRET has fewer than {_SHORT_SECRET} characters", remedy)]
    return []


def flower(auth: str | None) -> list[Finding]:
    """Of Flower's user and password."""
    remedy = "SMSRELAY_FLOWER_AUTH=user:password, and keep its port on the host or behind TLS"
    if auth is None:
        return [warning("flower", "no password is set here: our Flower does not start, and another one would be open", remedy)]
    try:
        _, password = flower_login(auth)
    except ValueError as problem:
        return [warning("flower", f"Flower does not start: its login {problem}", remedy)]
    if len(password) < _SHORT_PASSWORD:
        return [warning("flower", f"its password has fewer than {_SHORT_PASSWORD} characters", remedy)]
    return []


def templates(registry: Registry, used: Collection[str], real: bool) -> list[Finding]:
    """Of templates that are no product's yet, registered or seen lately, with the real vendor."""
    if not real:
        return []
    found = []
    if TEST_TEMPLATE in registry or TEST_TEMPLATE in used:
        where = "is registered" if TEST_TEMPLATE in registry else "was used lately"
        found.append(warning("templates", f"the vendor's test template {TEST_TEMPLATE} {where}", "use your own, approved ones"))
    pending = sorted(one.id for one in registry.values() if one.status is Approval.PENDING and one.id != TEST_TEMPLATE)
    if pending:
        problem = f"not approved by the carrier: {', '.join(pending)}"
        found.append(warning("templates", problem, "wait for the approval (about two days), then write status = approved"))
    return found


def _redelivery(settings: WorkerSettings, longest: float) -> list[Finding]:
    if is_rabbitmq(settings.broker_url):
        return redelivery(longest, RABBITMQ_PATIENCE)
    # Redis gives a long chunk out again while it runs, and the copy finds nothing to start; one message must not outlast it.
    return redelivery(longest / CHUNK, transport_options(settings.broker_url, 1)["visibility_timeout"])


def redelivery(longest: float, patience: float) -> list[Finding]:
    """Of a task that lasts ``longest`` seconds at worst, on a broker that gives unfinished tasks out again after ``patience``."""
    if longest <= patience:
        return []
    problem = (
        f"its longest piece of work lasts up to {longest:.0f} s when every wait runs out, and the broker gives it out again "
        f"after {patience:.0f} s; no SMS is doubled, because a second wake-up finds nothing to start"
    )
    return [warning("redelivery", problem, "nothing; it costs a look at each message. Shorter vendor time-outs make it rarer")]


def examine_store(settings: ProducerSettings, wall_clock: Clock) -> tuple[set[str], list[Finding]]:
    """Templates used lately, and what is wrong at the store."""
    used: set[str] = set()
    return used, checked("store", lambda: _at_store(settings, wall_clock, used))


def _at_store(settings: ProducerSettings, wall_clock: Clock, used: set[str]) -> list[Finding]:
    name = "store and broker" if same_server(settings) else "store"
    redis = open_store(settings.store_url, 2)
    try:
        with store_answers():
            ahead, now = _ahead(redis, wall_clock)
            found = [*examine_server(name, redis), *clocks(ahead), *examine_messages(redis, now)]
            used |= recent_templates(redis)
            return found
    except StoreUnavailable as problem:
        return [error("store", str(problem), "SMSRELAY_STORE_URL; start it. Nothing is accepted without it")]
    finally:
        redis.close()


def rights(refusals: Iterable[Refusal]) -> list[Finding]:
    """Of rights that the user of a server lacks; why one lets nobody in at all, the other checks say."""
    return [
        error(
            "rights",
            f"{one.variable}: the server's user lacks {', '.join(one.lacks)}",
            f"{one.remedy}; docs/operating.md, Rights",
        )
        for one in refusals
        if one.lacks
    ]


def examine_spool(settings: ProducerSettings) -> list[Finding]:
    """Of reports that wait on this host's disk; a folder that is not there stays so."""
    if not (settings.spool_folder / "reports.sqlite").exists():
        return []
    spool = Spool(settings.spool_folder, settings.spool_max)
    try:
        waiting = spool.waiting()
    except SpoolUnavailable as problem:
        return [
            warning("spool", f"could not be read: {problem}", "look at the folder, and run the doctor as the receiver's user")
        ]
    finally:
        spool.close()
    remedy = "leave a receiver running on this host; it drains them once broker and store answer"
    return [warning("spool", f"{waiting} reports wait in the spool of this host", remedy)] if waiting else []


def _examine_without_worker(wall_clock: Clock) -> list[Finding]:
    try:
        settings = ProducerSettings()
    except SettingsError:
        return []  # its problems are among the worker's
    at_broker = checked("broker", lambda: examine_broker(settings))
    permitted = checked("rights", lambda: rights(access.of_receiver(settings)))
    spooled = checked("spool", lambda: examine_spool(settings))
    return [*examine_store(settings, wall_clock)[1], *at_broker, *permitted, *spooled]


def _workers(settings: WorkerSettings) -> list[Finding]:
    """Of living workers; a file that cannot be read, and a store that is away, are findings of other checks."""
    redis = open_store(settings.store_url, 2)
    try:
        return examine_workers(WorkerRegistry(redis).processes(), shared_settings(settings))
    except (StoreUnavailable, OSError):
        return []
    finally:
        redis.close()


def _wrong_settings(problems: str) -> list[Finding]:
    remedy = "set it in the environment or in .env; no worker starts without (README, settings)"
    return [error("settings", problem, remedy) for problem in problems.splitlines()]


def _templates(settings: WorkerSettings, used: Collection[str], real: bool) -> list[Finding]:
    try:
        return templates(load_registry(settings.templates), used, real)
    except (Rejection, OSError) as problem:
        return [error("templates", _told(problem), "correct the file that SMSRELAY_TEMPLATES names; nothing starts with it")]


def _told(problem: Exception) -> str:
    """What is wrong with a file, in one line."""
    text = problem.strerror or "cannot be read" if isinstance(problem, OSError) else str(problem)
    return "; ".join(line.strip() for line in text.splitlines())


def _ahead(redis: Redis, wall_clock: Clock) -> tuple[float, int]:
    """By how many ms at least the store's clock is ahead of this host's, and what it tells (ms)."""
    asked = wall_clock() * 1000
    seconds, micros = redis.time()
    answered = wall_clock() * 1000
    told = int(seconds) * 1000 + int(micros) / 1000
    if asked <= told <= answered:
        return 0.0, int(told)
    return (told - answered if told > answered else told - asked), int(told)


def is_real(settings: WorkerSettings) -> bool:
    """Whether the vendor is the real one: out on the internet, not the simulator of a desk or of compose."""
    return not (is_local(settings.vendor_url) and is_local(settings.vendor_intl_url))
