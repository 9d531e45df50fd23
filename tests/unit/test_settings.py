"""Settings: read from the environment, frozen, every problem at once, and no value in any text."""

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import BrokerSettings, ProducerSettings, SettingsError
from smsrelay_worker.settings import FlowerSettings, OperatorSettings, WorkerSettings
from smsrelay_worker.vendors.yisha.params import SERIALISERS

PATIENT = 45  # seconds for which a store that is silent is asked
NUMBER, CALLBACK, PAYLOAD = "tops-ecre-tkey-0815", "calls-back-key-0815", "en-crypts-key-0815"
KEYS = {"SMSRELAY_NUMBER_KEYS": NUMBER, "SMSRELAY_CALLBACK_KEYS": CALLBACK}
APPCODE = KEYS | {"SMSRELAY_APPCODE": "app-code-4711"}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from any .env
    for name in [name for name in os.environ if name.upper().startswith("SMSRELAY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> "Environ":
    return Environ(monkeypatch)


class Environ:
    """The environment a process would be started with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def worker(self, **variables: str) -> WorkerSettings:
        self._set(APPCODE | variables)
        return WorkerSettings()

    def producer(self, **variables: str) -> ProducerSettings:
        self._set({"SMSRELAY_NUMBER_KEYS": NUMBER} | variables)
        return ProducerSettings()

    def receiver(self, **variables: str) -> ReceiverSettings:
        self._set({"SMSRELAY_CALLBACK_KEYS": CALLBACK} | variables)
        return ReceiverSettings()

    def refused(self, kind: type[BrokerSettings] = WorkerSettings, /, **variables: str) -> dict[str, str]:
        """Reasons by variable; no value of the environment stands in any text of the error."""
        self._set(variables)
        with pytest.raises(SettingsError) as caught:
            kind()
        told = "\n".join([str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)])
        assert [name for name, value in variables.items() if value and value in told] == []
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return dict(line.split(": ", 1) for line in str(caught.value).splitlines())

    def _set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)


def test_a_producer_needs_only_the_number_keys(environ: Environ) -> None:
    settings = environ.producer()
    assert settings.number_keys == KeyRing(NUMBER.encode())
    assert settings.broker_url == settings.store_url == "redis://127.0.0.1:6379/0"


def test_without_its_keys_nothing_starts(environ: Environ) -> None:
    assert set(environ.refused(ProducerSettings)) == {"SMSRELAY_NUMBER_KEYS"}
    assert set(environ.refused(ReceiverSettings)) == {"SMSRELAY_CALLBACK_KEYS"}
    assert set(KEYS) < set(environ.refused(WorkerSettings))


def test_an_app_does_not_even_read_the_callback_keys(environ: Environ) -> None:
    settings = environ.producer(SMSRELAY_CALLBACK_KEYS="short-4711", SMSRELAY_SPOOL_MAX="many")
    assert not hasattr(settings, "callback_keys")


def test_the_receiver_needs_no_number_keys(environ: Environ) -> None:
    settings = environ.receiver(SMSRELAY_NUMBER_KEYS="short-4711")
    assert settings.callback_keys == KeyRing(CALLBACK.encode())
    assert not hasattr(settings, "number_keys")


def test_traces_go_nowhere_unless_the_setting_names_an_endpoint(environ: Environ) -> None:
    assert environ.producer().traces is None
    assert environ.producer(SMSRELAY_TRACES="https://collector:4318/tenant").traces == "https://collector:4318/tenant"


@pytest.mark.parametrize(
    "url", ["collector:4318", "grpc://collector:4317", "http://", "http://collector:0", "http://c/?key=k-4711"]
)
def test_what_is_no_otlp_endpoint_is_refused_without_being_quoted(environ: Environ, url: str) -> None:
    refused = environ.refused(ProducerSettings, SMSRELAY_TRACES=url)
    assert "must be http(s)://host:port" in refused["SMSRELAY_TRACES"]
    assert url not in refused["SMSRELAY_TRACES"]


def test_traces_without_the_library_name_the_extra(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsrelay.servers.otlp_endpoint._EXPORTER", "no-such-distribution")
    assert environ.producer().traces is None
    refused = environ.refused(ProducerSettings, SMSRELAY_TRACES="http://collector:4318")
    assert "pip install 'smsrelay[otel]'" in refused["SMSRELAY_TRACES"]


def test_payloads_are_encrypted_only_with_a_key(environ: Environ) -> None:
    assert environ.producer().payload_cipher.names == ()
    assert len(environ.producer(SMSRELAY_PAYLOAD_KEYS=f"{PAYLOAD}, an older one-0815").payload_cipher.names) == 2


def test_a_payload_key_without_the_library_names_the_extra(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsrelay.settings.find_spec", lambda _: None)
    assert environ.producer().payload_keys is None
    refused = environ.refused(ProducerSettings, SMSRELAY_PAYLOAD_KEYS=PAYLOAD)
    assert "pip install 'smsrelay[encryption]'" in refused["SMSRELAY_PAYLOAD_KEYS"]


def test_a_list_of_keys_begins_with_the_newest(environ: Environ) -> None:
    ring = environ.producer(SMSRELAY_NUMBER_KEYS=f"the newest of the keys, {NUMBER}").number_keys
    assert (ring.newest, ring.older) == (b"the newest of the keys", (NUMBER.encode(),))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("", "Field required"),
        ("4711", "at least 16 characters"),
        ("fifteen-letters", "at least 16 characters"),
        (f"{NUMBER},", "at least 16 characters"),
        (f"{NUMBER},fifteen-letters", "at least 16 characters"),
        (f"{NUMBER},{NUMBER}", "no key twice"),
        (",".join(f"key-number-{place:05d}" for place in range(5)), "at most 4 keys"),
    ],
)
def test_keys_that_are_short_repeated_or_too_many_are_refused(environ: Environ, keys: str, reason: str) -> None:
    for variable, kind in (("SMSRELAY_NUMBER_KEYS", ProducerSettings), ("SMSRELAY_CALLBACK_KEYS", ReceiverSettings)):
        assert reason in environ.refused(kind, **{variable: keys})[variable]


def test_the_single_secret_of_earlier_versions_stands_for_both_lists(environ: Environ) -> None:
    settings = environ.worker(SMSRELAY_NUMBER_KEYS="", SMSRELAY_CALLBACK_KEYS="", SMSRELAY_SECRET="one, with a comma in it")
    assert settings.number_keys == settings.callback_keys == KeyRing(b"one, with a comma in it")


def test_new_keys_win_over_the_single_secret_one_by_one(environ: Environ) -> None:
    settings = environ.worker(SMSRELAY_CALLBACK_KEYS="", SMSRELAY_SECRET="an old one of 1 key")
    assert (settings.number_keys, settings.callback_keys) == (KeyRing(NUMBER.encode()), KeyRing(b"an old one of 1 key"))


def test_a_short_secret_is_refused_under_its_own_name(environ: Environ) -> None:
    assert set(environ.refused(ProducerSettings, SMSRELAY_SECRET="fifteen-letters")) == {"SMSRELAY_SECRET"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "it is used as SMSRELAY_NUMBER_KEYS and SMSRELAY_CALLBACK_KEYS; set these instead"),
        ({"SMSRELAY_NUMBER_KEYS": NUMBER}, "it is used as SMSRELAY_CALLBACK_KEYS; set these instead"),
        (KEYS, "it is ignored, because the new keys are set; remove it"),
    ],
)
def test_the_single_secret_is_warned_of_once_a_process(tmp_path: Path, given: dict[str, str], told: str) -> None:
    reads = "from smsrelay_worker.settings import WorkerSettings as S; S(); S()"
    named = {"SMSRELAY_SECRET": "an old one of 1 key", "SMSRELAY_APPCODE": "code"} | given
    ended = subprocess.run([sys.executable, "-c", reads], env=named, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stderr == f"old setting SMSRELAY_SECRET: {told} (docs/operating.md, Changing keys)\n"


@pytest.mark.parametrize("url", ["redis://h/0", "rediss://h/0", "redis+socket:///tmp/s", "amqp://u:p@h//", "amqps://h//"])
def test_the_broker_may_be_redis_or_rabbitmq(environ: Environ, url: str) -> None:
    assert environ.producer(SMSRELAY_BROKER_URL=url).broker_url == url


def test_the_store_is_never_rabbitmq(environ: Environ) -> None:
    reasons = environ.refused(ProducerSettings, SMSRELAY_NUMBER_KEYS=NUMBER, SMSRELAY_STORE_URL="amqp://user:pass-4711@host//")
    assert set(reasons) == {"SMSRELAY_STORE_URL"}


def test_every_wrong_variable_is_told_at_once(environ: Environ) -> None:
    wrong = {
        "SMSRELAY_BROKER_URL": "http://user:pass-4711@host",
        "SMSRELAY_STORE_URL": "memory://",
        "SMSRELAY_NUMBER_KEYS": "short-4711",
        "SMSRELAY_CALLBACK_KEYS": "callback-4711,callback-4711",
        "SMSRELAY_CALLBACK_MAX_BYTES": "many",
        "SMSRELAY_CALLBACK_KEEP_ALIVE": "for-ever",
        "SMSRELAY_UNSIGNED_CALLBACKS": "perhaps",
        "SMSRELAY_VENDOR_URL": "ftp://vendor-4711",
        "SMSRELAY_VENDOR_INTL_URL": "vendor-4712",
        "SMSRELAY_VENDOR_PROXY": "socks5://user:proxy-4711@host",
        "SMSRELAY_CALLBACK_URL": "receiver-4711",
        "SMSRELAY_APP_SECRET": "app-secret-4711",
        "SMSRELAY_SERIALISER": "yaml",
        "SMSRELAY_CHANNEL": "channel-4711",
        "SMSRELAY_CONNECT_TIMEOUT": "-3",
        "SMSRELAY_READ_TIMEOUT": "soon",
        "SMSRELAY_RATE": "-0.25",
        "SMSRELAY_CONCURRENCY": "4711",
        "SMSRELAY_RETENTION_HOURS": "infinity",
    }
    assert set(environ.refused(**wrong)) == set(wrong)


@pytest.mark.parametrize(
    "proxy", ["http://proxy", "http://10.0.0.1:3128/", "https://u:p%40ss@proxy.example:8443", "http://[::1]:3128"]
)
def test_a_proxy_to_the_vendor_is_taken_and_shown_nowhere(environ: Environ, proxy: str) -> None:
    settings = environ.worker(SMSRELAY_VENDOR_PROXY=proxy)
    assert settings.vendor_proxy is not None
    assert settings.vendor_proxy.get_secret_value() == proxy
    assert proxy not in repr(settings)


@pytest.mark.parametrize(
    "proxy",
    [
        *("proxy:3128", "socks5://proxy:1080", "ftp://proxy", "http://", "http://:3128", "http://proxy:99999", "http://proxy:0"),
        *(
            "http://proxy/path",
            "http://proxy?x=1",
            "http://proxy#x",
            "http://u:p@ss@proxy",
            "http://u:p/ss@proxy",
            "http://u:p#s@proxy",
        ),
        *("http://u:p?s@proxy:1", "http://@proxy", "http://u:p s@proxy", "http://u:pä@proxy", "http://[::1:3128"),
    ],
)
def test_an_address_that_no_proxy_has_is_refused_and_not_quoted(environ: Environ, proxy: str) -> None:
    reasons = environ.refused(**APPCODE, SMSRELAY_VENDOR_PROXY=proxy)
    assert set(reasons) == {"SMSRELAY_VENDOR_PROXY"}


def test_missing_credentials_are_told_beside_other_problems(environ: Environ) -> None:
    reasons = environ.refused(SMSRELAY_RATE="-0.25")
    assert set(reasons) == {*KEYS, "SMSRELAY_RATE", "SMSRELAY_APP_SECRET"}
    assert "SMSRELAY_APPCODE" in reasons["SMSRELAY_APP_SECRET"]


@pytest.mark.parametrize("only", ["SMSRELAY_APP_KEY", "SMSRELAY_APP_SECRET"])
@pytest.mark.parametrize("beside", [{}, APPCODE])
def test_key_and_secret_of_an_app_come_together(environ: Environ, only: str, beside: dict[str, str]) -> None:
    reasons = environ.refused(**KEYS | {only: "half-4711"} | beside)
    assert "come together" in reasons["SMSRELAY_APP_SECRET"]


def test_key_and_secret_stand_in_for_the_appcode(environ: Environ) -> None:
    settings = environ.worker(SMSRELAY_APPCODE="", SMSRELAY_APP_KEY="key", SMSRELAY_APP_SECRET="secret")
    assert settings.appcode is None
    assert settings.app_key == "key"


@pytest.mark.parametrize("number", ["nan", "inf", "0", "-1"])
@pytest.mark.parametrize(
    "name", ["SMSRELAY_RATE", "SMSRELAY_CONNECT_TIMEOUT", "SMSRELAY_READ_TIMEOUT", "SMSRELAY_RETENTION_HOURS"]
)
def test_a_number_that_is_none_is_refused(environ: Environ, name: str, number: str) -> None:
    with pytest.raises(SettingsError, match=name):
        environ.worker(**{name: number})


def test_no_secret_stands_in_a_repr(environ: Environ) -> None:
    values = {
        "SMSRELAY_BROKER_URL": "redis://:pass-4711@host/0",
        "SMSRELAY_STORE_URL": "redis://:pass-4712@host/0",
        "SMSRELAY_APP_KEY": "key-4713",
        "SMSRELAY_APP_SECRET": "secret-4714",
        "SMSRELAY_FLOWER_AUTH": "user:pass-4715",
    }
    settings = environ.worker(**values)
    hidden = [*APPCODE.values(), *values.values()]
    assert [value for value in hidden if value in f"{settings!r} {settings}"] == []


def test_an_env_file_is_read_and_the_environment_wins(environ: Environ, tmp_path: Path) -> None:
    lines = ["SMSRELAY_STORE_URL=redis://file/0", "SMSRELAY_BROKER_URL=redis://file/1", "SOMETHING_ELSE=1"]
    (tmp_path / ".env").write_text("\n".join(lines))
    settings = environ.producer(SMSRELAY_STORE_URL="redis://environment/0")
    assert (settings.store_url, settings.broker_url) == ("redis://environment/0", "redis://file/1")


@pytest.mark.parametrize(
    "url",
    ["https://x.example", "https://x.example:8443/sms/", "http://[::1]:8025", "http://receiver:8025", "https://x.example/a%20b"],
)
def test_a_callback_url_may_have_a_port_and_a_path(environ: Environ, url: str) -> None:
    assert environ.worker(SMSRELAY_CALLBACK_URL=url).callback_url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        *((f"https://x.example{end}", "no query and no fragment") for end in ("?key=4711", "/?", "#top", "/sms#")),
        *((f"https://{who}@x.example", "no user and no password") for who in ("ops:pass-4711", "ops", "")),
        *(
            (f"https://{host}", "a host name or address")
            for host in ("", "/sms", "x y", "短信.cn", "x:0", "x:99999", "x:", "[::1", "x\n")
        ),
        *((f"https://x.example/{path}", "a character in its path") for path in ("a b", "短信", "a\n", "a\\b", '"')),
        ("ftp://x.example", "http:// https://"),
    ],
)
def test_a_callback_url_by_which_no_report_could_come_is_refused_with_the_reason(environ: Environ, url: str, words: str) -> None:
    reasons = environ.refused(**APPCODE, SMSRELAY_CALLBACK_URL=url)
    assert set(reasons) == {"SMSRELAY_CALLBACK_URL"}
    assert words in reasons["SMSRELAY_CALLBACK_URL"]


def test_an_idle_callback_connection_outlives_that_of_every_proxy(environ: Environ) -> None:
    assert environ.receiver().callback_keep_alive == 75


def test_an_empty_variable_counts_as_absent(environ: Environ) -> None:
    assert environ.worker(SMSRELAY_RATE="", SMSRELAY_CALLBACK_URL="").rate == 100


def test_settings_are_frozen(environ: Environ) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        environ.producer().broker_url = "redis://other/0"  # type: ignore[misc]


def test_every_variable_is_documented() -> None:
    documented = dict(WorkerSettings.documented())
    assert all(documented.values())
    assert {*APPCODE, "SMSRELAY_RATE"} <= set(documented)


def test_the_setting_names_exactly_the_serialisers_there_are() -> None:
    assert set(get_args(WorkerSettings.model_fields["serialiser"].annotation)) == set(SERIALISERS)


def test_a_lease_outlives_both_time_outs(environ: Environ) -> None:
    settings = environ.worker(SMSRELAY_CONNECT_TIMEOUT="3", SMSRELAY_READ_TIMEOUT="4")
    assert settings.lease > 3 + 4


def test_a_worker_that_stops_has_time_to_record_what_the_vendor_answered_while_the_store_is_silent(environ: Environ) -> None:
    assert environ.worker().stop_within > environ.worker().lease + PATIENT
    assert environ.worker(SMSRELAY_STOP_TIMEOUT="7").stop_within == 7


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ("walrus-4711", "must be user:password"),
        ("ops:", "must be user:password"),
        (":walrus-4711", "must be user:password"),
        ("ops:walrus,4711", "must hold no comma"),
        ("ops,walrus:4711", "must hold no comma"),
        ("ops:walrüs-4711", "must be ASCII"),
        ("ops:walrus\t4711", "must be ASCII"),
    ],
)
def test_a_password_that_flower_would_split_or_trip_over_is_refused(environ: Environ, auth: str, reason: str) -> None:
    reasons = environ.refused(FlowerSettings, SMSRELAY_FLOWER_AUTH=auth)
    assert reason in reasons["SMSRELAY_FLOWER_AUTH"]


@pytest.mark.parametrize("auth", ["ops:wal:rus", "ops:wal rus @#/?%"])
def test_a_password_of_flowers_may_hold_what_flower_reads(environ: Environ, auth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSRELAY_FLOWER_AUTH", auth)
    assert FlowerSettings().flower_auth.get_secret_value() == auth


@pytest.mark.parametrize(
    "content", ["SMSRELAY_NUMBER_KEYS=四七一一四七一一四七一一四七一一\n".encode("gb18030"), b"\xff\xfeS\0M\0S\0"]
)
def test_an_env_file_in_another_encoding_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(".env: is not UTF-8")):
        ProducerSettings()


@pytest.mark.parametrize(("bound", "reason"), [("soon", "valid number"), ("-4711", "greater than 0"), ("Infinity", "finite")])
def test_how_long_a_lane_may_wait_is_a_number_of_seconds(environ: Environ, bound: str, reason: str) -> None:
    refused = environ.refused(OperatorSettings, SMSRELAY_WAIT_BOUND_NOTICE=bound)
    assert refused.keys() == {"SMSRELAY_WAIT_BOUND_NOTICE"}
    assert reason in refused["SMSRELAY_WAIT_BOUND_NOTICE"]


def test_every_lane_has_a_bound(environ: Environ) -> None:
    assert OperatorSettings(_env_file=None).wait_bounds == {Lane.OTP: 60, Lane.NOTICE: 600, Lane.MARKETING: 14_400}
    assert set(environ.worker(SMSRELAY_NUMBER_KEYS=NUMBER, SMSRELAY_CALLBACK_KEYS=CALLBACK).wait_bounds) == set(Lane)
