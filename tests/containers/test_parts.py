"""What is there after `up`: one message's whole way, what is published, what each part may and holds."""

import json
import re

import pytest

from tests.containers.relay import PARTS, Relay

_OURS = [part for part in PARTS if part != "redis"]
_PUBLISHED = {5555, 8025, 8080, 8090}
_KEYS = {
    "redis": set(),
    "receiver": {"SMSRELAY_CALLBACK_KEYS"},
    "worker": {"SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS", "SMSRELAY_APPCODE"},
    "api": {"SMSRELAY_NUMBER_KEYS"},
    "console": {"SMSRELAY_NUMBER_KEYS", "SMSRELAY_CONSOLE_AUTH"},
    "flower": {"SMSRELAY_FLOWER_AUTH"},
    "simulator": set(),
}
_SECRET = re.compile(r"^(SMSRELAY_\w*(?:_KEYS|APPCODE|APP_KEY|APP_SECRET|_AUTH|SECRET))=(.+)$", re.MULTILINE)
_NOT_ROOT = (
    '[ "$(id -u)" != 0 ] && grep -q "CapBnd:.0000000000000000" /proc/1/status && grep -q "NoNewPrivs:.1" /proc/1/status'
    " && ! touch /x 2>/dev/null && touch /tmp/x && rm /tmp/x"
)


def test_the_documented_commands_send_a_message_that_is_delivered(relay: Relay) -> None:
    text = (relay.folder / "docker-compose.yml").read_text("utf-8")
    [sent] = re.findall(r"docker compose exec worker (smsrelay send .*)", text)
    message = relay.ask("worker", *sent.split()).stdout.strip()
    relay.until(message, "delivered")
    assert "delivered" in relay.ask("worker", "smsrelay", "show", message).stdout


def test_nothing_is_published_but_four_ports_of_this_host(relay: Relay) -> None:
    listening = relay.engine.namespaces.run("ss", "-ltnH").stdout.split("\n")
    local = {line.split()[3] for line in listening if line} - {"127.0.0.1:3141"}
    assert {address.rpartition(":")[0] for address in local} == {"127.0.0.1"}
    assert {int(address.rpartition(":")[2]) for address in local} == _PUBLISHED
    assert relay.get(8025, "/healthz") == 200
    assert relay.get(8080, "/readyz") == 200
    assert relay.get(8090, "/readyz") == 200
    assert relay.get(5555, "/") == 401


def test_the_console_lets_in_who_signs_in_and_is_known_as_this_host_alone(relay: Relay) -> None:
    assert {path: relay.get(8090, path) for path in ("/", "/find", "/sign-in")} == {"/": 303, "/find": 303, "/sign-in": 200}
    assert relay.get(8090, "/sign-in", [("Host", "evil.example")]) == 421
    assert relay.get(8090, "/readyz", [("Host", "172.30.0.9:8090")]) == 200


def test_flower_shows_its_pages_to_who_has_its_password(relay: Relay) -> None:
    for path in ("/workers", "/tasks", "/api/workers"):
        assert relay.get(5555, path) == 401
        assert relay.get(5555, path, [("Authorization", "Basic ZGVtbzp3cm9uZw==")]) == 401
        assert relay.get(5555, path, [("Authorization", "Basic ZGVtbzpkZW1v")]) == 200


@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_do_as_little_as_it_can(relay: Relay, part: str) -> None:
    assert relay.ask(part, "sh", "-c", _NOT_ROOT, check=False).returncode == 0
    limits = relay.inspect(part)["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] == 256
    assert limits["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"
    assert "size=" in limits["Tmpfs"]["/tmp"]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_holds_only_the_keys_it_uses(relay: Relay, part: str) -> None:
    held = relay.ask(part, "cat", "/proc/1/environ").stdout.replace("\0", "\n")
    assert {name for name, _ in _SECRET.findall(held)} == _KEYS[part]


def test_the_store_has_a_password_that_no_list_of_processes_shows(relay: Relay) -> None:
    password = relay.settings["REDIS_PASSWORD"]
    assert "NOAUTH" in relay.ask("redis", "valkey-cli", "get", "a").stdout
    assert password not in relay.engine.namespaces.run("ps", "-eo", "args").stdout


def test_the_store_syncs_each_write_and_refuses_more_than_its_memory(relay: Relay) -> None:
    names = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "save")
    told = _redis(relay, "config", "get", *names).split("\n")
    assert dict(zip(told[::2], told[1::2], strict=True)) == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory": str(1 << 30),
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    assert relay.inspect("redis")["HostConfig"]["Memory"] == 2 << 30


def test_a_full_store_refuses_and_goes_on_when_it_has_room(relay: Relay) -> None:
    _redis(relay, "config", "set", "maxmemory", "1")
    refused = relay.ask(
        "worker", "smsrelay", "send", "--to", "13900001301", "--template", "0000000", "--lane", "otp", check=False
    )
    assert refused.returncode == 3
    assert "OOM" in refused.stderr
    _redis(relay, "config", "set", "maxmemory", "1gb")
    relay.until(relay.send("13900001302"), "delivered")


def test_the_vendor_cannot_reach_the_store(relay: Relay) -> None:
    code = "import socket; socket.create_connection(('redis', 6379), 3)"
    assert relay.ask("simulator", "python", "-c", code, check=False).returncode != 0


@pytest.mark.parametrize("part", ["worker", "receiver", "api", "console"])
def test_the_doctor_finds_nothing_wrong_in_a_container(relay: Relay, part: str) -> None:
    asked = relay.ask(part, "smsrelay", "doctor", check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr


def test_a_campaign_comes_in_on_standard_input(relay: Relay) -> None:
    rows = "to,p1\n13912345678,Anna\n13912345679,Ben\n"
    bulk = ("smsrelay", "bulk", "-", "--campaign", "spring", "--template", "0000000", "--lane", "marketing")
    assert "2 rows: 2 accepted" in relay.ask("worker", *bulk, stdin=rows).stdout


def test_the_worker_that_sends_is_the_one_that_the_image_was_built_with(relay: Relay) -> None:
    images = {json.dumps(relay.inspect(part)["Image"]) for part in _OURS}
    assert len(images) == 1


def _redis(relay: Relay, *command: str) -> str:
    shell = 'REDISCLI_AUTH="$REDIS_PASSWORD" exec valkey-cli "$@"'
    return relay.ask("redis", "sh", "-c", shell, "sh", *command).stdout.removesuffix("\n")
