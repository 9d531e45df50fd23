"""Addresses of a primary that sentinels or the nodes of a cluster are asked for: understood whole, or refused and not quoted."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.tls import Tls

_TEXT = st.characters(codec="utf-8")
_PASSWORDS = st.text(_TEXT, min_size=1, max_size=12)
_HOSTS = st.lists(
    st.sampled_from(["redis", "10.0.0.7", "[::1]", "[fe80::7]", "s.example.com"]), min_size=1, max_size=5, unique=True
)


@given(_HOSTS, st.none() | st.integers(1, 65535), st.text(_TEXT, max_size=8), _PASSWORDS, _PASSWORDS, st.integers(0, 99))
def test_all_sentinels_both_logins_and_the_database_are_understood(
    hosts: list[str], port: int | None, user: str, password: str, sentinel_password: str, database: int
) -> None:
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    places = ",".join(host if port is None else f"{host}:{port}" for host in hosts)
    options = f"master=relay&sentinel_user=watch&sentinel_password={quote(sentinel_password, safe='')}"
    address = RedisAddress.of(f"sentinel://{login}{places}/{database}?{options}")
    expected = tuple(Place(host.strip("[]"), port or 26379) for host in hosts)
    assert address.primary == Sentinels(expected, "relay", "watch", sentinel_password)
    told = parse_url(address.redis_url)
    assert (told.get("username"), told["password"], told["db"]) == (user or None, password, database)
    assert not {told["host"]} & {place.host for place in expected}  # a library that asks nobody reaches nobody


@given(_HOSTS, st.none() | st.integers(1, 65535), _PASSWORDS)
def test_all_nodes_of_a_cluster_and_their_login_are_understood(hosts: list[str], port: int | None, password: str) -> None:
    places = ",".join(host if port is None else f"{host}:{port}" for host in hosts)
    address = RedisAddress.of(f"cluster://:{quote(password, safe='')}@{places}/", "{sms}")
    expected = tuple(Place(host.strip("[]"), port or 6379) for host in hosts)
    assert address.primary == Cluster(expected, None, password, prefix="{sms}")
    assert parse_url(address.redis_url)["password"] == password


def test_a_plus_in_a_password_is_a_plus() -> None:
    address = RedisAddress.of("sentinel://one?master=relay&sentinel_password=a+b%20c")
    assert isinstance(address.primary, Sentinels)
    assert address.primary.password == "a+b c"


@pytest.mark.parametrize("url", ["sentinel://one,two/0?master=relay&", "cluster://one,two/?"])
def test_tls_is_for_everybody_who_is_connected_to(url: str) -> None:
    address = RedisAddress.of(f"{url}tls=true&ssl_check_hostname=false")
    assert address.primary is not None
    assert address.tls == address.primary.tls == Tls(check_hostname=False)
    assert address.redis_url.startswith("rediss://")
    assert RedisAddress.of(f"{url}tls=false").tls is None


def test_the_same_place_has_one_spelling_whatever_the_order() -> None:
    one, other = RedisAddress.of("sentinel://a,b:26379?master=relay"), RedisAddress.of("sentinel://b,a/0?master=relay")
    assert one.place == other.place
    assert one.place != RedisAddress.of("sentinel://a,b?master=another").place


REFUSED = [
    ("sentinel://one,two/0", "must name the primary"),
    ("sentinel://one,two/0?master=", "must name the primary"),
    ("sentinel://one,two/0?master=no%20name-4711", "must name the primary"),
    ("sentinel://one,,two/0?master=relay", "names no host"),
    ("sentinel:///0?master=relay", "names no host"),
    ("sentinel://one,one:4711?master=relay&sentinel_user=4711", "no sentinel_password"),
    ("sentinel://one:4711,one:4711?master=relay", "names a host twice"),
    ("sentinel://one,two:port-4711/0?master=relay", "port"),
    ("sentinel://one,two:99999/0?master=relay", "port"),
    ("sentinel://one,two..4711/0?master=relay", "host"),
    (f"cluster://one,{'4711' * 16}/0", "host"),
    ("redis://one..4711/0", "host"),
    ("sentinel://:pa/ss-4711@one,two/0?master=relay", "percent-encoded"),
    ("sentinel://:pa#ss-4711@one,two/0?master=relay", "percent-encoded"),
    ("sentinel://:pa%ss-4711@one,two/0?master=relay", "percent-encoded"),
    ("sentinel://user-4711@one,two/0?master=relay", "no password"),
    ("sentinel://one/zero-4711?master=relay", "number"),
    ("sentinel://one?master=relay&db=4711", "belongs in the path"),
    ("sentinel://one?master=relay&quorum=4711", "unknown option (quorum); allowed: tls, master, sentinel_user"),
    ("sentinel://one?master=relay&master=4711", "twice"),
    ("sentinel://one?master=relay&tls=perhaps-4711", "tls must be true or false"),
    ("sentinel://one?master=relay&ssl_cert_reqs=none", "needs tls=true"),
    ("sentinel://one?master=relay&tls=true&ssl_ca_certs=/nowhere/4711.pem", "ssl_ca_certs names cannot be read"),
    ("cluster://one,two/1", "a cluster has number 0 alone"),
    ("cluster://one,two?master=relay", "unknown option (master)"),
    ("redis://one,two:4711/0", "names several hosts"),
    ("amqp://one,two:4711/0", "names several hosts"),
]


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_what_would_be_misunderstood_is_refused_and_not_quoted(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        (RedisAddress.of if url.startswith("cluster") else broker_address)(url)
    assert "4711" not in str(caught.value)
    assert caught.value.__context__ is None


@given(
    st.text(st.sampled_from("pQ:/?#[]@%;=&.,0 ü\n"), max_size=14), st.sampled_from(["sentinel://:{}@h?master=m", "cluster://{}"])
)
def test_any_password_is_understood_or_refused_with_a_sentence(password: str, url: str) -> None:
    try:
        RedisAddress.of(url.format(password))
    except ValueError as error:
        assert "Q" not in str(error)  # noqa: PT017  most are understood


def test_a_cluster_as_the_broker_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="can be the store alone"):
        broker_address("cluster://one,two/")


def test_no_password_stands_in_a_repr() -> None:
    shown = repr(RedisAddress.of("sentinel://u:pass-4711@one?master=relay&sentinel_user=w&sentinel_password=pass-4711"))
    assert "4711" not in shown + repr(RedisAddress.of("cluster://:pass-4711@one"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("redis://h/0", "redis://:secret@h:6379/7", True),
        ("redis://h/0", "rediss://h/0", True),
        ("redis://h/0", "redis://h:6380/0", False),
        ("unix:///run/r.sock", "unix:///run/r.sock?db=3", True),
        ("unix:///run/r.sock", "redis://h/0", False),
        ("sentinel://a,b,c/0?master=m", "sentinel://:secret@c,b,a/4?master=m", True),
        ("sentinel://a,b,c/0?master=m", "sentinel://c,d/0?master=m", True),
        ("sentinel://a,b,c/0?master=m", "sentinel://a,b,c/0?master=other", False),
        ("sentinel://a,b,c/0?master=m", "sentinel://d,e/0?master=m", False),
        ("sentinel://a/0?master=m", "redis://a:26379/0", False),
    ],
)
def test_two_addresses_lead_to_the_same_servers_whatever_login_and_database(one: str, other: str, same: bool) -> None:
    first, second = RedisAddress.of(one), RedisAddress.of(other)
    assert (first.same_servers(second), second.same_servers(first)) == (same, same)
