"""What keeps us out of a server for good is one sentence that names the variable, at a worker's start, in the doctor and in any
command; nothing of a password stands in it."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.operations.doctor.servers import access
from tests.support.certificates import Authority
from tests.support.rabbitmq import RabbitMQ, running_rabbitmq
from tests.support.redis_server import running_redis
from tests.support.shell import Ended, Shell

WALRUS = "walrus-4711"
PROTECTED = ("--requirepass", WALRUS)


class Servers:
    """Redis servers that are each set in another way, by name: their ports."""

    def __init__(self, folder: Path, up: ExitStack) -> None:
        self.folder = folder
        self.authority = Authority.made(folder / "ca")
        self.ports: dict[str, int] = {}
        named = self.authority.signs("server", "DNS:localhost", "IP:127.0.0.1")
        elsewhere = self.authority.signs("elsewhere", "DNS:elsewhere.example")
        for name, certificate, clients in (("tls", named, "no"), ("elsewhere", elsewhere, "no"), ("mutual", named, "yes")):
            self.ports[name] = port = free_port()
            shown = ("--tls-cert-file", str(certificate.cert), "--tls-key-file", str(certificate.key))
            trusted = ("--tls-ca-cert-file", str(self.authority.ca), "--tls-auth-clients", clients)
            up.enter_context(running_redis(folder / name, "--port", "0", "--tls-port", str(port), *shown, *trusted))
        for name, options in (("plain", PROTECTED), ("old", (*PROTECTED, "--rename-command", "HELLO", ""))):
            self.ports[name] = port = free_port()
            up.enter_context(running_redis(folder / name, "--port", str(port), *options))

    def url(self, form: str) -> str:
        return form.format(**self.ports, ca=self.authority.ca, key=self.authority.own.key)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as up:
        yield Servers(tmp_path_factory.mktemp("servers"), up)


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as node:
        node.control("add_user", "narrow", WALRUS)
        node.control("set_permissions", "-p", "/", "narrow", r"^sms\.", r"^sms\.", r"^sms\.")
        yield node


def a_shell(folder: Path, store: str, broker: str) -> Shell:
    variables = {
        "SMSRELAY_STORE_URL": store,
        "SMSRELAY_BROKER_URL": broker,
        "SMSRELAY_NUMBER_KEYS": secrets.token_hex(16),
        "SMSRELAY_CALLBACK_KEYS": secrets.token_hex(16),
        "SMSRELAY_APPCODE": "simulator",
        "SMSRELAY_FLOWER_AUTH": "ops:" + secrets.token_hex(8),
    }
    return Shell(folder, variables)


def told(ended: Ended, code: int, reason: str) -> None:
    """It ended so, with the reason, without a traceback and without a piece of the password."""
    everything = ended.output + ended.errors
    assert reason in everything
    assert ended.code == code
    for never in ("Traceback", "4711", "walrus"):
        assert never not in everything


KEPT_OUT = [
    ("rediss://localhost:{tls}/0", "is not signed by an authority that this host trusts; name yours with ssl_ca_certs"),
    ("rediss://localhost:{elsewhere}/0?ssl_ca_certs={ca}", "its certificate is not for the host that the URL names"),
    ("rediss://localhost:{mutual}/0?ssl_ca_certs={ca}", "it may want a client certificate"),
    ("rediss://localhost:{tls}/0?ssl_ca_certs={key}", "is not PEM"),
    ("rediss://localhost:{plain}/0?ssl_ca_certs={ca}", "does not answer the TLS handshake; perhaps it does not speak TLS"),
    ("redis://:walrus-4712@localhost:{plain}/0", "user or password is wrong or missing"),
    ("redis://localhost:{plain}/0", "user or password is wrong or missing"),
    ("redis://:walrus-4711@localhost:{plain}/77", "no database of that number"),
    ("redis://:walrus-4711@localhost:{old}/0", "does not know HELLO: it is older than Redis 6, or a proxy"),
]


@pytest.mark.parametrize(("form", "reason"), KEPT_OUT)
def test_a_server_that_keeps_us_out_is_one_sentence(servers: Servers, tmp_path: Path, form: str, reason: str) -> None:
    url = servers.url(form)
    shell = a_shell(tmp_path, url, url)
    started = shell.run("worker")
    told(started, 77, reason)
    _, sentence = started.errors.splitlines()
    assert sentence.startswith("SMSRELAY_STORE_URL: no access to the server: ")
    told(shell.run("doctor", "--json"), 2, reason)
    told(shell.run("flower"), 77, reason)
    told(shell.run("status"), 3, reason)
    told(shell.run("send", "--to", "13900001234", "--template", "0000000", "--lane", "otp"), 3, reason)


@pytest.mark.parametrize(
    ("login", "path", "reason"),
    [
        ("guest:walrus-4711@", "/", "user or password is wrong or missing"),
        ("guest:guest@", "nowhere", "no such virtual host"),
        ("narrow:walrus-4711@", "/", "lacks write amq.default, configure celeryev"),
    ],
)
def test_a_rabbitmq_that_keeps_us_out_is_one_sentence(
    rabbitmq: RabbitMQ, valkey_url: str, tmp_path: Path, login: str, path: str, reason: str
) -> None:
    shell = a_shell(tmp_path, valkey_url, f"amqp://{login}127.0.0.1:{rabbitmq.port}/{path}")
    started = shell.run("worker")
    told(started, 77, reason)
    assert started.errors.splitlines()[1].startswith("SMSRELAY_BROKER_URL: ")
    told(shell.run("doctor", "--json"), 2, reason)


@pytest.mark.parametrize("trouble", ["alarmed", "frozen"])
def test_a_rabbitmq_in_trouble_keeps_no_worker_from_its_start(rabbitmq: RabbitMQ, valkey_url: str, trouble: str) -> None:
    settings = StoreSettings(store_url=valkey_url, broker_url=rabbitmq.url)
    assert access.worker_problems(settings) == []
    with getattr(rabbitmq, trouble)():
        assert access.worker_problems(settings) == []


def test_a_redis_that_takes_no_writes_keeps_no_worker_from_its_start(valkey_url: str, redis: StoreRedis) -> None:
    settings = StoreSettings(store_url=valkey_url, broker_url=valkey_url)
    redis.config_set("maxmemory", "1")
    try:
        assert access.worker_problems(settings) == []
    finally:
        redis.config_set("maxmemory", "0")


def test_a_queue_of_another_kind_is_named(rabbitmq: RabbitMQ, valkey_url: str, tmp_path: Path) -> None:
    with rabbitmq.connection() as connection:
        channel = connection.channel()
        channel.queue_delete("sms.otp")
        channel.queue_declare("sms.otp", durable=True, auto_delete=False)
        told(a_shell(tmp_path, valkey_url, rabbitmq.url).run("worker"), 77, "sms.otp (one of another kind exists; delete it)")
        channel.queue_delete("sms.otp")


RULES = ("~{sms}:*", "~sms.*", "~unacked*", "~_kombu.*", "~*.celery.pidbox*", "&/0.celery.pidbox", "&/0.celeryev/*", "+@all")


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        *(([rule for rule in RULES if rule != one], one) for one in RULES[:-1]),
        *(
            ([*RULES, f"-{command}"], f"+{command}")
            for command in ("evalsha", "multi", "brpop", "publish", "zadd", "script|load")
        ),
        (["~sms*", "~{sms}*", "+@all"], "&/0.celery.pidbox, &/0.celeryev/*, ~*.celery.pidbox*, ~_kombu.*, ~unacked*"),
    ],
)
def test_a_right_that_is_missing_is_named(
    valkey_server: str, redis: StoreRedis, tmp_path: Path, rules: list[str], missing: str
) -> None:
    redis.execute_command("ACL", "SETUSER", "narrow", "reset", "on", f">{WALRUS}", "resetchannels", *rules)
    url = valkey_server.replace("redis://", f"redis://narrow:{WALRUS}@") + "/0"
    shell = a_shell(tmp_path, url, url)
    told(shell.run("worker"), 77, f"SMSRELAY_STORE_URL: the server's user lacks {missing}; grant them with ACL SETUSER")
    told(shell.run("doctor", "--json"), 2, f"the server's user lacks {missing}")
    assert redis.keys("*") == []


def test_debians_redis_names_what_is_missing_as_well(servers: Servers, tmp_path: Path) -> None:
    with Redis(port=servers.ports["plain"], password=WALRUS) as admin:
        admin.execute_command(
            "ACL", "SETUSER", "narrow", "reset", "on", f">{WALRUS}", "~sms*", "~{sms}*", "resetchannels", "+@all", "-evalsha"
        )
    url = f"redis://narrow:{WALRUS}@127.0.0.1:{servers.ports['plain']}/0"
    missing = "&/0.celery.pidbox, &/0.celeryev/*, +evalsha, ~*.celery.pidbox*, ~_kombu.*, ~unacked*"
    told(a_shell(tmp_path, url, url).run("worker"), 77, f"lacks {missing};")


def test_flowers_channel_is_asked_for_only_where_events_are_sent(valkey_server: str, redis: StoreRedis, tmp_path: Path) -> None:
    silent = [rule for rule in RULES if rule != "&/0.celeryev/*"]
    redis.execute_command("ACL", "SETUSER", "silent", "reset", "on", f">{WALRUS}", "resetchannels", *silent)
    url = valkey_server.replace("redis://", f"redis://silent:{WALRUS}@") + "/0"
    shell = a_shell(tmp_path, url, url)
    told(shell.run("worker"), 77, "lacks &/0.celeryev/*")
    told(shell.run("worker", "--no-events", "--queues", "nonsense"), 2, "no queue nonsense")  # which the worker itself says


@pytest.mark.parametrize("command", ["worker", "status", "doctor", "receiver", "up", "flower"])
@pytest.mark.parametrize("variable", ["SMSRELAY_STORE_URL", "SMSRELAY_BROKER_URL"])
def test_an_address_that_cannot_be_understood_is_one_sentence(tmp_path: Path, command: str, variable: str) -> None:
    if (command, variable) == ("flower", "SMSRELAY_STORE_URL"):
        return  # which it does not read
    shell = a_shell(tmp_path, "redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0")
    shell.set(variable, "redis://:wal/rus-4711@127.0.0.1:6379/0")
    told(shell.run(command), 78 if command in ("worker", "receiver", "flower") else 2, f"{variable}: has an invalid port or host")
