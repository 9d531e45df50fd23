"""The files of an encrypted store: a whole relay has worked on it, and they hold no number and no parameter.

The store is a real server of its own, apart from the broker, with RDB and AOF. Its AOF holds every write since it started, also
of what has long been deleted.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smsrelay import Enqueuer, Lane, ProducerSettings, SendJob
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.acceptance.leaks.foreign import task
from tests.acceptance.leaks.needles import Person, abroad, all_needles, find, mainland, nothing
from tests.support.api_process import a_key, running_api
from tests.support.redis_server import running_redis
from tests.support.relay_process import TEMPLATE, RelayProcess, running_relay
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

KEY = "Zq81Payload2f9c4e7a1b5d"
UNSEALED = "of an app without the key"
LIMITS = """
version = 1
countries = "any"

[[cap]]
name = "an-hour"
count = 5
window = "1h"
per = "number"
"""


Script = Callable[[Person], dict[str, Any]]


@dataclass
class Stored:
    """A relay that has worked, and what its store has written to its disk."""

    relay: RelayProcess
    folder: Path  # of the store's server
    dumps: dict[str, bytes] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, role: str, *, far: bool = False) -> Person:
        """A new recipient, with parameters that nobody else has."""
        self.people[role] = (abroad if far else mainland)(role, len(self.people) + 1)
        return self.people[role]

    def send(self, role: str, script: Script | None = None, *, far: bool = False, test: bool = False, **fields: Any) -> str:
        """Enqueue through the library; the message's id."""
        person = self.person(role, far=far)
        if script is not None:
            self.relay.simulator.script(person.to, script(person))
        job = SendJob.decode(wire(person)).model_copy(update={"lane": Lane.NOTICE, **fields})
        return self.relay.relay.enqueuer.enqueue(job, test=test).message_id

    def dump(self, when: str) -> None:
        """Have the server write its RDB now, and keep it."""
        self.relay.redis.save()
        self.dumps[f"RDB {when}"] = (self.folder / "dump.rdb").read_bytes()

    def files(self) -> dict[str, bytes]:
        """All dumps, and the AOF as it is now."""
        log = {f"AOF {path.name}": path.read_bytes() for path in (self.folder / "appendonlydir").iterdir()}
        assert any(len(content) > 10_000 for content in log.values())
        return self.dumps | log

    def texts(self) -> dict[str, str]:
        """The same, as text to search."""
        return {name: content.decode("utf-8", "replace") for name, content in self.files().items()}


def wire(person: Person) -> dict[str, Any]:
    return {"v": 1, "to": person.to, "template": TEMPLATE, "params": [person.word, person.code], "lane": "otp"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """The relay at its end, and the files that were written on the way."""
    folder, port = tmp_path_factory.mktemp("dump"), free_port()
    (folder / "limits.toml").write_text(LIMITS)
    settings = {
        "SMSRELAY_STORE_URL": f"redis://127.0.0.1:{port}/0",
        "SMSRELAY_PAYLOAD_KEYS": KEY,
        "SMSRELAY_LIMITS": str(folder / "limits.toml"),
    }
    with ExitStack() as up:
        up.enter_context(running_redis(folder / "store", "--port", str(port), "--rdbcompression", "no"))
        relay = up.enter_context(running_relay(folder / "relay", settings=settings))
        stored = Stored(relay, folder / "store")
        played(stored)
        stored.dump("at the end")
        yield stored


def played(stored: Stored) -> None:
    """Messages on every way in, and to every end."""
    relay, in_an_hour = stored.relay, datetime.now(UTC) + timedelta(hours=1)
    ended = [
        stored.send("delivered"),
        stored.send("delivered abroad", far=True),
        stored.send("retried", lambda person: {"submits": ["503", "503", "200"]}),
        stored.send("failed", lambda person: {"submits": ["510"]}),
        stored.send("refused", _refusing),
        stored.send("tested", test=True),
        over_http(stored),
    ]
    waiting = [stored.send("waiting", not_before=in_an_hour), stored.send("abroad, waiting", far=True, not_before=in_an_hour)]
    of_a_file(stored)
    foreign(stored)
    unreadable_callback(stored)
    without_the_key(stored)
    stored.dump("while messages wait")
    for message_id in ended:
        relay.wait_final(message_id)
    for role in ("first of a file", "second of a file", "foreign"):
        to = stored.people[role].to
        eventually(lambda to=to: relay.simulator.submits(to), "it is submitted")
    eventually(lambda: relay.redis.llen(KEYS.undecodable) == 2, "the wrong jobs are kept")
    assert {relay.record(one).state for one in waiting} == {State.QUEUED}
    assert relay.cli("cancel", waiting[1]).returncode == 0
    assert relay.cli("suppress", "add", "--everyone", stdin=stored.people["delivered"].to).returncode == 0


def _refusing(person: Person) -> dict[str, Any]:
    """The vendor's refusal, which quotes what it was given."""
    message = f"发送频率超限：{person.to}，{person.word}，{person.code}"
    return {"submits": [{"answer": "vendor_code", "code": "i005", "message": message}]}


def over_http(stored: Stored) -> str:
    with running_api(stored.relay.environment, stored.folder / "api.log") as api:
        job = wire(stored.person("over HTTP")) | {"lane": "notice"}
        answer = api.post("/v1/messages", a_key(stored.relay.redis), job)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def of_a_file(stored: Stored) -> None:
    people = [stored.person(f"{place} of a file") for place in ("first", "second")]
    file = stored.folder / "people.csv"
    file.write_text("to,p1,p2\n" + "".join(f"{one.to},{one.word},{one.code}\n" for one in people))
    done = stored.relay.cli("bulk", str(file), "--template", TEMPLATE, "--lane", "marketing")
    assert done.returncode == 0, done.stdout + done.stderr


def foreign(stored: Stored) -> None:
    """Jobs of apps without the library, through the broker; two cannot be read, and are kept."""
    broker_url = stored.relay.environment["SMSRELAY_BROKER_URL"]
    task([wire(stored.person("foreign"))], {}).publish(broker_url)
    wrong = wire(stored.person("wrong, foreign")) | {"lane": "pigeon"}
    task([wrong], {}).publish(broker_url)
    task([wire(stored.person("foreign, twice")), wrong], {}).publish(broker_url)


def unreadable_callback(stored: Stored) -> None:
    """A report that nobody can read, and that holds number and parameters."""
    person = stored.person("in a callback")
    stored.relay.simulator.script(person.to, {"submits": ["never"]})
    stored.relay.send(person.to, params=[person.word, person.code])
    stored.relay.report(person.to, lambda external_id: json.dumps({"result": "DELIVRD", "who": wire(person)}))
    assert stored.relay.redis.zcard(KEYS.unreadable_callbacks) == 1


def without_the_key(stored: Stored) -> None:
    """An app that has not been given the key yet: what it writes is there to be found."""
    names = ("SMSRELAY_BROKER_URL", "SMSRELAY_STORE_URL", "SMSRELAY_NUMBER_KEYS")
    broker_url, store_url, number_keys = (stored.relay.environment[name] for name in names)
    settings = ProducerSettings(_env_file=None, broker_url=broker_url, store_url=store_url, number_keys=number_keys)
    person = stored.person(UNSEALED)
    with Enqueuer.connect(settings) as enqueuer:
        enqueuer.enqueue(SendJob.decode(wire(person)))
    eventually(lambda: stored.relay.simulator.submits(person.to), "workers read what is not encrypted")


def as_integers(needles: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Digits as a server stores a value that is a number."""
    for name, needle in needles.items():
        for digits in {needle, f"86{needle}"} if needle.isdecimal() else ():
            for order in ("little", "big"):
                yield name, int(digits).to_bytes(8, order)


def test_the_search_finds_a_number_that_is_not_encrypted(stored: Stored) -> None:
    plain = all_needles([stored.people[UNSEALED]])
    found = find(plain, stored.texts())
    assert {one.needle for one in found} == set(plain)
    assert any(one.place.startswith("AOF") for one in found)


def test_the_files_hold_what_the_messages_are_found_by(stored: Stored) -> None:
    for name, text in stored.texts().items():
        assert ("{sms}:m:" in text) or name.startswith("AOF"), name
    text = " ".join(stored.texts().values())
    for part in (KEYS.undecodable, KEYS.unreadable_callbacks, KEYS.suppressed, "{sms}:n:", "{sms}:caps:", "{sms}:p:"):
        assert part in text, part


def test_no_number_and_no_parameter_stands_in_the_files(stored: Stored) -> None:
    needles = all_needles(person for role, person in stored.people.items() if role != UNSEALED)
    nothing(find(needles, stored.texts()))
    contents = stored.files()
    assert {name for name, integer in as_integers(needles) for content in contents.values() if integer in content} == set()


def test_the_key_stands_in_no_file_either(stored: Stored) -> None:
    assert [name for name, content in stored.files().items() if KEY.encode() in content] == []


def test_whoever_has_the_key_reads_what_was_kept(stored: Stored) -> None:
    for line in stored.relay.cli("dead", "list", "--json").stdout.splitlines():
        kept = json.loads(line).get("kept_id")
        if kept is not None:
            shown = stored.relay.cli("dead", "show", kept, "--body").stdout
            assert any(person.word in shown for person in stored.people.values()), shown
            assert "encrypted" in stored.relay.cli("dead", "show", kept).stdout
