"""URLs of store and broker: redis-py and kombu understand the same by them, or they are refused without being quoted."""

import re
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from redis.connection import parse_url

from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.url import ServerUrl

HOSTS = st.sampled_from(["redis", "10.0.0.7", "[::1]", "cache.example.com"])
_TEXT = st.characters(codec="utf-8")
LOGINS = st.tuples(st.text(_TEXT, max_size=8), st.text(_TEXT, min_size=1, max_size=12))


@given(LOGINS, HOSTS, st.none() | st.integers(1, 65535), st.integers(0, 99), st.sampled_from(["redis", "rediss"]))
def test_redis_py_and_kombu_understand_the_same(
    login: tuple[str, str], host: str, port: int | None, database: int, scheme: str
) -> None:
    user, password = login
    place = host if port is None else f"{host}:{port}"
    address = RedisAddress.of(f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{place}/{database}")
    by_redis, by_kombu = parse_url(address.redis_url), Connection(address.kombu_url, ssl=address.kombu_tls or False)
    understood = by_redis.get("username"), by_redis["password"], by_redis["host"], by_redis["port"], by_redis["db"]
    assert understood == (user or None, password, host.strip("[]"), port or 6379, database)
    assert (by_kombu.userid, by_kombu.password, by_kombu.hostname, by_kombu.port) == understood[:4]
    assert by_kombu.virtual_host == str(database)


@given(
    LOGINS, st.integers(0, 99), st.sampled_from(["unix:{}?db={}", "redis+socket:{}?virtual_host={}", "unix:{}?virtual_host={}"])
)
def test_a_socket_is_the_same_to_both_however_it_is_spelled(login: tuple[str, str], database: int, spelling: str) -> None:
    user, password = login
    there = f"//{quote(user, safe='')}:{quote(password, safe='')}@/run/redis%20server/a.sock"
    address = RedisAddress.of(spelling.format(there, database))
    by_redis = parse_url(address.redis_url)
    assert (by_redis["path"], by_redis["db"], by_redis["password"]) == ("/run/redis server/a.sock", database, password)
    assert address.kombu_url == f"redis+socket:{there}?virtual_host={database}"


@given(LOGINS, st.sampled_from(["/", "sms", "a/b", "短信"]))
def test_rabbitmq_is_told_login_and_virtual_host(login: tuple[str, str], virtual_host: str) -> None:
    user, password = login[0] or "u", login[1]
    url = f"amqp://{quote(user, safe='')}:{quote(password, safe='')}@host:5999/{quote(virtual_host, safe='')}"
    told = Connection(broker_address(url).kombu_url)
    assert (told.userid, told.password, told.hostname, told.port, told.virtual_host) == (
        user,
        password,
        "host",
        5999,
        virtual_host,
    )


@pytest.mark.parametrize("url", ["amqp://host", "amqp://host/", "amqp://host//", "amqp://host:5672/%2F"])
def test_the_virtual_host_is_the_root_where_none_is_named(url: str) -> None:
    assert broker_address(url).kombu_url == "amqp://host:5672/%2F"


def test_several_servers_of_a_cluster_are_told_in_their_order() -> None:
    assert broker_address("amqp://a:b@one;amqp://a:b@two/x").kombu_url == "amqp://a:b@one:5672/%2F;amqp://a:b@two:5672/x"


def test_tls_is_verified_by_default_by_every_library() -> None:
    redis, rabbitmq = broker_address("rediss://cache.example.com"), broker_address("amqps://broker.example.com")
    assert redis.kombu_tls == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert rabbitmq.kombu_tls == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "broker.example.com"}
    told = parse_url(RedisAddress.of("rediss://cache.example.com").redis_url)
    assert (told["ssl_cert_reqs"], told["ssl_check_hostname"]) == ("required", True)


@pytest.mark.parametrize("spelling", ["none", "CERT_NONE", "cert_none"])
def test_verification_is_switched_off_by_either_librarys_word(spelling: str) -> None:
    assert RedisAddress.of(f"rediss://h/0?ssl_cert_reqs={spelling}").kombu_tls == {
        "ssl_cert_reqs": "none",
        "ssl_check_hostname": False,
    }
    assert broker_address(f"amqps://h?ssl_cert_reqs={spelling}").kombu_tls == {"cert_reqs": ssl.CERT_NONE}


@pytest.mark.parametrize("spelling", ["required", "CERT_REQUIRED"])
def test_verification_is_demanded_by_either_librarys_word(spelling: str) -> None:
    assert RedisAddress.of(f"rediss://h/0?ssl_cert_reqs={spelling}") == RedisAddress.of("rediss://h/0")


def test_own_authority_and_client_certificate_reach_every_library(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name} file.pem" for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")}
    for path in files.values():
        path.touch()
    options = "&".join(f"{name}={quote(str(path))}" for name, path in files.items())
    expected = {name: str(path) for name, path in files.items()}
    address = RedisAddress.of(f"rediss://h/0?{options}&ssl_check_hostname=false")
    assert expected.items() <= (address.kombu_tls or {}).items()
    assert expected.items() <= parse_url(address.redis_url).items()
    told = broker_address(f"amqps://h?{options}&ssl_check_hostname=false").kombu_tls or {}
    assert {name.removeprefix("ssl_"): path for name, path in expected.items()}.items() <= told.items()
    assert "server_hostname" not in told


REFUSED = [
    ("redis://:pa/ss-4711@host:6379/0", "percent-encoded"),
    ("redis://:pa#ss-4711@host:6379/0", "percent-encoded"),
    ("redis://:pa?ss-4711@host:6379/0", "percent-encoded"),
    ("redis://:471/1@host:6379/0", "percent-encoded"),
    ("redis://:pa[ss-4711@host:6379/0", "percent-encoded"),
    ("redis://:pa%ss-4711@host:6379/0", "percent-encoded"),
    ("redis://:pass 4711@host:6379/0", "percent-encode it"),
    ("redis://:päss-4711@host:6379/0", "percent-encode it"),
    ("redis://user-4711@host:6379/0", "no password"),
    ("redis://host:port-4711/0", "port"),
    ("redis://host:70000/0", "port"),
    ("redis://host/zero-4711", "number"),
    ("redis://host/0/4711", "number"),
    ("redis://host/-1", "number"),
    ("redis:///0", "host"),
    ("redis://:pass-4711@/0", "host"),
    ("redis://host?db=6", "belongs in the path"),
    ("redis://host/0?socket_timeout=4711", "unknown option (socket_timeout); none is allowed"),
    ("rediss://host/0?health_check_interval=4711", "unknown option (health_check_interval); allowed: ssl_cert_reqs"),
    ("rediss://host/0?ssl_cert_reqs=perhaps-4711", "ssl_cert_reqs must be one of required, optional, none"),
    ("rediss://host/0?ssl_check_hostname=perhaps-4711", "true or false"),
    ("rediss://host/0?ssl_ca_certs=/nowhere/4711.pem", "ssl_ca_certs names cannot be read"),
    ("rediss://host/0?ssl_cert_reqs=none&ssl_cert_reqs=required", "twice"),
    ("redis://host/0?ssl_cert_reqs=none", "unknown option (ssl_cert_reqs)"),
    ("unix://run/redis-4711.sock", "three slashes"),
    ("unix:///", "three slashes"),
    ("unix:///run/redis.sock?db=0&virtual_host=1", "twice"),
    ("unix:///run/redis.sock?db=zero-4711", "number"),
    ("amqp://user:pa/ss-4711@host//", "percent-encoded"),
    ("amqp://user-4711@host//", "no password"),
    ("amqp://host?heartbeat=4711", "unknown option (heartbeat); none is allowed"),
    ("amqps://one;amqps://two", "several servers"),
    ("amqps://host?ssl_certfile=/nowhere/4711.pem", "ssl_certfile names cannot be read"),
]


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_what_would_be_understood_differently_is_refused_and_not_quoted(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        broker_address(url)
    assert "4711" not in str(caught.value)
    assert caught.value.__context__ is None


@given(
    st.text(st.sampled_from("pQ:/?#[]@%;=&.0 ü\n"), max_size=14),
    st.sampled_from(["redis://:{}@h/0", "amqp://u:{}@h", "rediss://{}"]),
)
def test_any_password_is_understood_or_refused_with_a_sentence(password: str, url: str) -> None:
    try:
        broker_address(url.format(password))
    except ValueError as error:
        assert "Q" not in str(error)  # noqa: PT017  most are understood


def test_no_password_stands_in_a_repr() -> None:
    shown = [repr(broker_address(f"{scheme}://u:pass-4711@host")) for scheme in ("redis", "amqp")]
    assert not any("4711" in one for one in [*shown, repr(ServerUrl.of("redis://u:pass-4711@host"))])
