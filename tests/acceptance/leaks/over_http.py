"""Over HTTP: requests to the API that are accepted, and one for every problem; each answer is a place.

Every refused request repeats number and code where a request can hold them, and the key that it came with.
"""

import json
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from smsrelay.contract.state import State
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.store.api.api_key import KeyType, Scope
from tests.acceptance.leaks.foreign import job
from tests.acceptance.leaks.needles import Person
from tests.acceptance.leaks.places import Places, without_references
from tests.acceptance.leaks.play import Play
from tests.acceptance.leaks.stage import KEYS
from tests.support.api_process import a_key, running_api
from tests.support.store_keys import KEYS as STORE_KEYS
from tests.support.waiting import eventually

PATH = "/v1/messages"
APP = "shop"
# Nobody is answered with it: the caller is gone.
UNANSWERED = {ProblemCode.CUT_OFF}


@dataclass(slots=True)
class OverHttp:
    """One app's calls. ``said``: the answers; ``codes``: those of all problems that were answered."""

    play: Play
    said: Places = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)

    def scenes(self, folder: Path) -> Places:
        """Everything; what it was answered."""
        refused = self.play.cast.new("over HTTP, refused")
        key = self.key("API key")
        message_id = self.accepted(key)
        self.batch(key, refused)
        self.wrong_keys(refused)
        self.wrong_requests(key, refused, message_id)
        self.over_quota(refused)
        self.failures(refused, folder)
        self.no_http(key, refused)
        self.commands()
        return self.said

    def key(self, name: str, kind: KeyType = KeyType.LIVE, **fields: Any) -> str:
        """A new key; its secret is a needle from here on."""
        token = a_key(self.play.stage.redis, APP, kind, **fields)
        self.play.cast.keys[name] = token.rpartition("_")[2]
        return token

    def call(self, name: str, method: str, path: str, key: str | None, body: Any = None, **how: Any) -> requests.Response:
        """One request, whose answer becomes a place."""
        headers = {"content-type": "application/json"} | how.pop("headers", {})
        headers |= {} if key is None else {"authorization": f"Bearer {key}"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        base = how.pop("base", self.play.stage.api_url)
        answer = requests.request(method, base + path, data=data, headers=headers, timeout=30)
        place, document = f"API answer, {name}", answer.json() if answer.content else None
        self.said |= without_references(place, [document])
        self.said[f"{place}: headers"] = f"{answer.status_code} {dict(answer.headers)}"
        if answer.headers.get("content-type") == "application/problem+json":
            self.codes.add(document["code"])
        return answer

    def refused(
        self, code: ProblemCode, name: str, method: str, path: str, key: str | None, body: Any = None, **how: Any
    ) -> None:
        """One request that must be answered with this problem."""
        answer = self.call(f"{code.value}: {name}", method, path, key, body, **how)
        assert answer.headers["content-type"] == "application/problem+json", answer.status_code
        assert answer.json()["code"] == code.value, answer.text

    def accepted(self, key: str) -> str:
        """One message from its acceptance to its end, and everything that can be asked about it; its id."""
        person = self.play.cast.new("over HTTP")
        answer = self.call("accepted", "POST", PATH, key, job(person))
        assert answer.status_code == 202, answer.text
        place = answer.headers["Location"]
        self.play.cast.message_ids[person.role] = message_id = answer.json()["id"]
        assert self.call("repeated", "POST", PATH, key, job(person)).headers["Idempotent-Replayed"] == "true"
        self.play.ends(person.role, State.DELIVERED)
        self.call("shown", "GET", place, key)
        self.call("timeline", "GET", f"{place}/timeline", key)
        self.call("feedback", "POST", f"{place}/feedback", key, {"used": True})
        self.call("found", "GET", f"{PATH}?reference={quote(job(person)['reference'])}", key)
        self.call("status", "GET", "/v1/status", key)
        self.refused(ProblemCode.TOO_LATE, "delivered", "DELETE", place, key)
        changed = job(person) | {"params": [person.code, person.word]}
        self.refused(ProblemCode.REFERENCE_TAKEN, "other content", "POST", PATH, key, changed)
        test = self.call("test message", "POST", PATH, self.key("test key", KeyType.TEST), job(self.play.cast.new("test")))
        assert test.json()["test"] is True, test.text
        return message_id

    def batch(self, key: str, person: Person) -> None:
        """Jobs of which some are wrong, and batches that are wrong as a whole."""
        told = self.play.cast.new("over HTTP in a batch")
        wrong = [job(person) | fields for fields in self.wrong_fields(person).values()]
        answer = self.call("batch", "POST", f"{PATH}/batch", key, {"messages": [job(told), job(told), person.to, *wrong]})
        results = answer.json()["results"]
        self.play.cast.message_ids[told.role] = results[0]["message"]["id"]
        assert [one["status"] for one in results[:3]] in ([202, 200, 422], [200, 202, 422]), results
        self.play.ends(told.role, State.DELIVERED)
        self.refused(
            ProblemCode.INVALID, "batch", "POST", f"{PATH}/batch", key, {person.to: person.code, "messages": person.word}
        )

    def wrong_fields(self, person: Person) -> dict[str, dict[str, Any]]:
        """Fields of a job that are wrong, each with a needle."""
        return {
            "number": {"to": person.to + "01"},
            "template": {"template": person.to},
            "parameters": {"params": [f"{person.word}["]},
            "parameters as an object": {"params": {person.national: person.code}},
            "lane": {"lane": person.word},
            "reference": {"reference": f"{person.to}\n"},
            "deadline": {"expires_at": person.code},
            "unknown field": {person.national: person.code},
            "tag": {"tags": {"number": person.to}},
            "tag's name": {"tags": {person.to: person.code}},
        }

    def wrong_keys(self, person: Person) -> None:
        """Keys of every kind that do not open, and keys that may not do it."""
        right = job(person)
        unknown = f"sms_live_abcdefgh_{token_hex(16)}"
        self.play.cast.keys["unknown key"] = unknown.rpartition("_")[2]
        key = self.key("revoked key", revoked_at=1)
        ended = self.key("ended key", expires_at=1)
        for name, wrong in {"unknown": unknown, "revoked": key, "ended": ended, "no key at all": person.to}.items():
            self.refused(ProblemCode.WRONG_KEY, name, "POST", PATH, wrong, right)
        basic = "Basic " + b64encode(f"{person.to}:{key}".encode()).decode()
        self.refused(ProblemCode.NO_KEY, "none", "POST", PATH, None, right)
        self.refused(ProblemCode.NO_KEY, "another scheme", "POST", PATH, None, right, headers={"authorization": basic})
        reader = self.key("key that reads", scopes=frozenset({Scope.READ}))
        self.refused(ProblemCode.MISSING_SCOPE, "sends", "POST", PATH, reader, right)
        noticing = self.key("key of one lane", lanes=frozenset())
        self.refused(ProblemCode.LANE_NOT_ALLOWED, "otp", "POST", PATH, noticing, right)
        team = self.key("team key", KeyType.TEAM)
        self.refused(ProblemCode.NUMBER_NOT_ALLOWED, "a stranger", "POST", PATH, team, right)

    def wrong_requests(self, key: str, person: Person, message_id: str) -> None:
        """Bodies, paths and headers that are wrong."""
        right, text = job(person), f"{person.to} {person.code}"
        for name, fields in self.wrong_fields(person).items():
            self.refused(ProblemCode.INVALID, name, "POST", PATH, key, right | fields)
        differs = {"idempotency-key": text + "x"}
        self.refused(ProblemCode.INVALID, "two references", "POST", PATH, key, right, headers=differs)
        self.refused(ProblemCode.INVALID, "query", "GET", f"{PATH}?to={quote(person.to)}", key)
        self.refused(ProblemCode.INVALID, "feedback", "POST", f"{PATH}/{message_id}/feedback", key, {"used": person.code})
        self.refused(ProblemCode.OTHER_APP, "another's", "POST", PATH, key, right | {"app": f"a{person.national}"})
        self.refused(ProblemCode.NOT_FOUND, "number as an id", "GET", f"{PATH}/{person.to}", key)
        self.refused(ProblemCode.NOT_FOUND, "number in a path", "GET", f"/{person.to}?code={person.code}&key={key}", key)
        self.refused(ProblemCode.NOT_FOUND, "reference", "GET", f"{PATH}?reference={quote(text)}", key)
        self.refused(ProblemCode.METHOD_NOT_ALLOWED, "PATCH", "PATCH", f"{PATH}/{person.to}", key, right)
        self.refused(ProblemCode.TOO_LARGE, "padded", "POST", PATH, key, right | {"pad": person.word * 20_000})
        form = {"content-type": f"application/x-{person.national}"}
        self.refused(ProblemCode.NOT_JSON, "form", "POST", PATH, key, text.encode(), headers=form)
        packed = {"content-encoding": person.national}
        self.refused(ProblemCode.COMPRESSED, "packed", "POST", PATH, key, right, headers=packed)
        self.refused(ProblemCode.MALFORMED, "text", "POST", PATH, key, text.encode())
        self.refused(ProblemCode.MALFORMED, "cut off", "POST", PATH, key, json.dumps(right).encode()[:-9])

    def over_quota(self, person: Person) -> None:
        """More than a key may send. The first message of each is one of a test key: it goes nowhere."""
        for code, quota in {ProblemCode.QUOTA_MINUTE: "quota_minute", ProblemCode.QUOTA_DAY: "quota_day"}.items():
            key = self.key(f"key with a {quota}", KeyType.TEST, **{quota: 1})

            def is_over(key: str = key, code: ProblemCode = code) -> bool:
                answer = self.call(f"{code.value}: second message", "POST", PATH, key, job(person))
                return bool(answer.status_code == 429 and answer.json()["code"] == code.value)

            eventually(is_over, f"{code.value} is over")  # a minute may end between two messages

    def failures(self, person: Person, folder: Path) -> None:
        """A key that cannot be read in the store, and an API without a store."""
        stage = self.play.stage
        broken = self.key("key that cannot be read")
        key_id = broken.split("_")[2]
        stage.redis.hset(STORE_KEYS.api_keys, key_id, f"{person.to} {broken}")
        self.refused(ProblemCode.INTERNAL, "its key", "POST", PATH, broken, job(person))
        stage.redis.hdel(STORE_KEYS.api_keys, key_id)
        url = "redis://default:" + KEYS["broker's password"] + "@127.0.0.1:1/0"
        away = dict.fromkeys(("SMSRELAY_BROKER_URL", "SMSRELAY_STORE_URL"), url)
        log = folder / "api-without-store.log"
        with running_api({**stage.environment, **away}, log) as api:
            self.refused(ProblemCode.UNAVAILABLE, "no store", "POST", PATH, broken, job(person), base=api.url)
            self.refused(ProblemCode.UNAVAILABLE, "not ready", "GET", "/readyz", None, base=api.url)
            eventually(lambda: ProblemCode.UNAVAILABLE.value in log.read_text("utf-8"), "the log says so")

    def no_http(self, key: str, person: Person) -> None:
        """What is no request, and a request that is cut off; the server answers with a bare status, or not at all."""
        head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        texts = {
            "no HTTP": f"{person.to} {person.code} {key}\r\n\r\n",
            "a header that is none": f"{head}{person.to}\r\n\r\n",
            "a number for a length": f"{head}content-length: {person.to}\r\n\r\n{person.code}",
            "too many headers": head + "".join(f"x-{n}: {person.to}{person.word * 100}\r\n" for n in range(100)) + "\r\n",
            "cut off": f"{head}content-length: 1000\r\n\r\n" + json.dumps(job(person)),
        }
        for name, text in texts.items():
            self.said[f"API answer, {name}"] = self._raw(text)

    def _raw(self, text: str) -> str:
        with socket.create_connection(("127.0.0.1", urlsplit(self.play.stage.api_url).port or 0), timeout=30) as connection:
            try:
                connection.sendall(text.encode())
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
            except OSError:
                return "the connection was closed"

    def commands(self) -> None:
        """What the commands about keys print, but for the key itself, which is shown once."""
        friend = self.play.cast.new("of a team")
        team = ("key", "create", APP, "--name", "friends", "--type", "team", "--to")
        made = self._smsrelay(*team, friend.to)
        token = next(line for line in made.splitlines() if line.startswith("sms_team_"))
        self.play.cast.keys["created key"] = token.rpartition("_")[2]
        self.said["smsrelay key create"] = made.replace(token, "")
        self.said["smsrelay key create, wrong"] = self._smsrelay(*team, friend.to + "01")
        answer = self.call("of a team", "POST", PATH, token, job(friend))
        self.play.cast.message_ids[friend.role] = answer.json()["id"]
        self.play.ends(friend.role, State.DELIVERED)
        self.said["smsrelay key list"] = self._smsrelay("key", "list")
        self.said["smsrelay key revoke"] = self._smsrelay("key", "revoke", token.split("_")[2])
        eventually(lambda: self.call("revoked", "GET", "/v1/status", token).status_code == 401, "the key is revoked")
        self.said["smsrelay key revoke, wrong"] = self._smsrelay("key", "revoke", token)

    def _smsrelay(self, *arguments: str) -> str:
        return self.play.stage.run("-m", "smsrelay_worker", *arguments)
