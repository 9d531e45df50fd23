"""Which servers a local relay starts, which URLs its parts get, what ``up`` refuses, and what it prints."""

from pathlib import Path

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.local.up import announcement
from smsrelay_worker.settings import WorkerSettings
from tests.support.shell import Shell

EMBEDDED = "redis://127.0.0.1:4711/0"
REDIS, RABBITMQ = "redis://elsewhere:6379/0", "amqp://guest:guest@elsewhere:5672//"


@pytest.mark.parametrize(
    ("broker", "store", "urls", "embedded"),
    [
        (None, None, (EMBEDDED, EMBEDDED), True),
        (None, REDIS, (EMBEDDED, REDIS), True),
        (REDIS, None, (REDIS, REDIS), False),
        (REDIS, "redis://other:6379/1", (REDIS, "redis://other:6379/1"), False),
        (RABBITMQ, None, (RABBITMQ, EMBEDDED), True),
        ("amqps://elsewhere", None, ("amqps://elsewhere", EMBEDDED), True),
        (RABBITMQ, REDIS, (RABBITMQ, REDIS), False),
    ],
)
def test_a_local_relay_embeds_a_server_where_a_broker_or_a_store_is_missing(
    tmp_path: Path, broker: str | None, store: str | None, urls: tuple[str, str], embedded: bool
) -> None:
    named = {"SMSRELAY_BROKER_URL": broker, "SMSRELAY_STORE_URL": store}
    given = {name: url for name, url in named.items() if url is not None}
    relay = LocalRelay(tmp_path, Ports(broker=4711))
    environment = relay.environment(given)
    assert (environment["SMSRELAY_BROKER_URL"], environment["SMSRELAY_STORE_URL"]) == urls
    assert any(part.name == "broker" for part in relay.parts(given)) is embedded


def test_simulated_reports_go_to_our_own_receiver_whatever_an_env_file_names(tmp_path: Path) -> None:
    given = {"SMSRELAY_CALLBACK_URL": "https://sms.example.com"}
    assert LocalRelay(tmp_path, Ports(receiver=4712)).environment(given)["SMSRELAY_CALLBACK_URL"] == "http://127.0.0.1:4712"
    assert LocalRelay(tmp_path, Ports(), simulator=False).environment(given)["SMSRELAY_CALLBACK_URL"] == "https://sms.example.com"


def test_a_simulated_vendor_takes_marketing_at_any_hour_and_to_any_country_unless_the_user_names_limits(tmp_path: Path) -> None:
    path = Path(LocalRelay(tmp_path, Ports()).environment({})["SMSRELAY_LIMITS"])
    assert load_limits(path).windows == ()
    assert load_limits(path).countries is None
    assert "at any hour" in _announced(LocalRelay(tmp_path, Ports()))
    named = tmp_path / "limits.toml"
    assert LocalRelay(tmp_path, Ports()).environment({"SMSRELAY_LIMITS": str(named)})["SMSRELAY_LIMITS"] == str(named)
    assert "at any hour" not in _announced(LocalRelay(tmp_path, Ports()), LIMITS=str(path))


def test_the_real_vendor_gets_the_packaged_limits_or_the_users(tmp_path: Path) -> None:
    assert "SMSRELAY_LIMITS" not in LocalRelay(tmp_path, Ports(), simulator=False).environment({})
    assert "at any hour" not in _announced(LocalRelay(tmp_path, Ports(), simulator=False), APPCODE="x")


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SMSRELAY_POLICY", "/nowhere.toml", "line 1: cannot be read"),
        ("SMSRELAY_TEMPLATES", "/nowhere.toml", "/nowhere.toml: No such file"),
        ("SMSRELAY_FLOWER_AUTH", "no-password", "SMSRELAY_FLOWER_AUTH: must be user:password"),
        ("SMSRELAY_RATE", "many", "SMSRELAY_RATE: "),
    ],
)
def test_up_starts_nothing_when_a_part_would_end_at_once(tmp_path: Path, variable: str, value: str, reason: str) -> None:
    said = Shell(tmp_path, {variable: value}).run("up")
    assert (said.code, said.output) == (2, "")
    assert reason in said.errors
    assert not (tmp_path / ".smsrelay" / "supervisord.conf").exists()


@pytest.mark.parametrize(
    "named",
    [
        {"SMSRELAY_BROKER_URL": REDIS},
        {"SMSRELAY_BROKER_URL": RABBITMQ},
        {"SMSRELAY_BROKER_URL": f"amqp://guest:guest@localhost;{RABBITMQ}"},
        {"SMSRELAY_STORE_URL": REDIS},
        {"SMSRELAY_STORE_URL": "sentinel://localhost,sentinel.example.com/0?master=relay"},
    ],
    ids=["redis", "amqp", "second amqp", "store", "sentinel"],
)
def test_up_with_the_simulator_refuses_a_remote_broker_or_store(tmp_path: Path, named: dict[str, str]) -> None:
    said = Shell(tmp_path, named).run("up")
    assert (said.code, said.output) == (2, "")
    assert f"{next(iter(named))} names another host" in said.errors
    assert "real jobs would be marked delivered without being sent" in said.errors
    assert "guest:guest" not in said.errors


def test_two_parts_with_one_port_are_refused_at_once(tmp_path: Path) -> None:
    port = str(free_port())
    said = Shell(tmp_path, {}).run("up", "--broker-port", str(free_port()), "--receiver-port", port, "--simulator-port", port)
    assert said.code == 2
    assert f"receiver: port {port} is that of simulator" in said.errors


@pytest.mark.parametrize("options", [("--receiver-port", "70000"), ("--flower-port", "0")])
def test_a_port_that_is_none_is_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    said = Shell(tmp_path, {}).run("up", *options)
    assert said.code == 2
    assert options[0] in said.errors


@pytest.mark.parametrize("command", [("show", "ID"), ("why", "ID"), ("dead", "list"), ("worker",)])
def test_a_wrong_policy_file_is_said_so_by_every_command_that_reads_it(
    tmp_path: Path, valkey_url: str, command: tuple[str, ...]
) -> None:
    wrong = {
        "SMSRELAY_STORE_URL": valkey_url,
        "SMSRELAY_NUMBER_KEYS": "n" * 16,
        "SMSRELAY_CALLBACK_KEYS": "c" * 16,
        "SMSRELAY_APPCODE": "x",
        "SMSRELAY_POLICY": "/nowhere.toml",
    }
    said = Shell(tmp_path, wrong).run(*command)
    assert said.code == (78 if command == ("worker",) else 2)
    assert "/nowhere.toml is invalid, 1 problem:\n  line 1: cannot be read" in said.errors
    assert "Traceback" not in said.errors


def _announced(relay: LocalRelay, **given: str) -> str:
    named = {f"SMSRELAY_{name}": value for name, value in given.items()}
    return announcement(relay, _settings(relay.environment(named)), named)


def _settings(environment: dict[str, str]) -> WorkerSettings:
    return WorkerSettings(**{name.removeprefix("SMSRELAY_").lower(): value for name, value in environment.items()})


def test_up_says_that_no_report_can_come_to_an_address_of_this_machine(tmp_path: Path) -> None:
    relay = LocalRelay(tmp_path, Ports(), simulator=False)
    assert "no status report arrives" in _announced(relay, APPCODE="x")
    assert "error" not in _announced(relay, APPCODE="x", CALLBACK_URL="https://sms.example.com")
    assert "error" not in _announced(LocalRelay(tmp_path, Ports()))


def test_up_names_the_password_that_flower_asks_for(tmp_path: Path) -> None:
    relay = LocalRelay(tmp_path, Ports())
    assert f"password in {tmp_path / 'flower-password'}" in _announced(relay)
    named = _announced(relay, FLOWER_AUTH="me:mine")
    assert "SMSRELAY_FLOWER_AUTH" in named
    assert "flower-password" not in named


def test_up_names_the_addresses_of_api_and_console_if_they_are_asked_for(tmp_path: Path) -> None:
    told = _announced(LocalRelay(tmp_path, Ports(api=4713, console=4714), api=True, console=True))
    assert "API        http://127.0.0.1:4713  a key for it: smsrelay key create APP\n" in told
    assert f"console    http://127.0.0.1:4714  user admin, password in {tmp_path / 'console-password'}\n" in told
    assert {"API", "console"}.isdisjoint(_announced(LocalRelay(tmp_path, Ports())).split())


def test_the_console_asks_for_the_password_or_believes_the_proxy_that_the_user_names(tmp_path: Path) -> None:
    relay = LocalRelay(tmp_path, Ports(), console=True)
    assert "password as in SMSRELAY_CONSOLE_AUTH" in _announced(relay, CONSOLE_AUTH="me:mine")
    assert "whom the proxy names" in _announced(relay, CONSOLE_USER_HEADER="X-Forwarded-User")
    assert "SMSRELAY_CONSOLE_AUTH" not in relay.environment({"SMSRELAY_CONSOLE_USER_HEADER": "X-Forwarded-User"})
    assert "SMSRELAY_CONSOLE_AUTH" not in LocalRelay(tmp_path, Ports()).environment({})


def test_a_console_with_two_ways_in_is_refused_before_anything_starts(tmp_path: Path) -> None:
    both = {"SMSRELAY_CONSOLE_AUTH": "me:mine", "SMSRELAY_CONSOLE_USER_HEADER": "X-Forwarded-User"}
    said = Shell(tmp_path, both).run("up", "--console")
    assert (said.code, said.output) == (2, "")
    assert "not both" in said.errors


def test_up_says_that_jobs_of_a_named_broker_go_to_the_simulator(tmp_path: Path) -> None:
    assert "goes to the simulator" in _announced(LocalRelay(tmp_path, Ports()), BROKER_URL="redis://127.0.0.1:6379/0")
    assert "goes to the simulator" not in _announced(LocalRelay(tmp_path, Ports()))


def test_a_local_relay_makes_a_key_for_each_purpose_and_keeps_it(tmp_path: Path) -> None:
    made = LocalRelay(tmp_path, Ports()).environment({})
    keys = [made["SMSRELAY_NUMBER_KEYS"], made["SMSRELAY_CALLBACK_KEYS"]]
    assert len(set(keys)) == 2
    assert "SMSRELAY_SECRET" not in made
    assert LocalRelay(tmp_path, Ports()).environment({}) == made
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("number-key", "callback-key")] == [0o600] * 2


def test_the_secret_that_an_earlier_version_made_is_the_old_key_of_both_lists(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    made = LocalRelay(tmp_path, Ports()).environment({})
    assert [made[name].split(",")[1] for name in ("SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS")] == [
        "0123456789abcdef0123456789abcdef"
    ] * 2


def test_a_secret_of_the_user_stands_in_for_the_keys_that_a_local_relay_would_make(tmp_path: Path) -> None:
    settings = _settings(LocalRelay(tmp_path, Ports()).environment({"SMSRELAY_SECRET": "an old one of 1 key"}))
    assert settings.number_keys == settings.callback_keys == KeyRing(b"an old one of 1 key")
