"""Wrong input of every kind, and what is said about it: exceptions, commands, settings. None may repeat what was wrong."""

import json
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from tests.acceptance.leaks import apps_file
from tests.acceptance.leaks.foreign import job, reference
from tests.acceptance.leaks.needles import Person
from tests.acceptance.leaks.places import Places
from tests.acceptance.leaks.play import Cast
from tests.acceptance.leaks.scenes import SPELLINGS
from tests.acceptance.leaks.stage import KEYS, Stage

_PROCESSES: dict[str, tuple[str, ...]] = {
    "worker": ("-m", "smsrelay_worker", "worker"),
    "receiver": ("-m", "smsrelay_worker", "receiver", "--port", "0"),
    "flower": ("-m", "smsrelay_worker", "flower"),
    "api": ("-m", "smsrelay_worker", "api", "--port", "1"),
    "webhook list": ("-m", "smsrelay_worker", "webhook", "list"),
    "show": ("-m", "smsrelay_worker", "show", "0"),
    "celery": ("-m", "celery", "-A", "smsrelay_worker.app", "inspect", "ping"),
}


def inputs(stage: Stage, cast: Cast) -> Places:
    """Everything that is said about wrong jobs and reports, by what was wrong."""
    person = cast.new("wrong in everything")
    return {**_rejections(stage, person, cast), **_commands(stage, person, cast)}


def _rejections(stage: Stage, person: Person, cast: Cast) -> Places:
    right = job(person)
    known = cast.people["normal"]
    taken = SendJob.decode(right | {"reference": reference(known)})
    fields: dict[str, Any] = {
        "to": person.to + "01",
        "template": person.to,
        "params": [f"{person.word}["],
        "lane": person.word,
        "app": person.to,
        "reference": f"{person.to}\n",
        "expires_at": person.code,
        "expires_in": int(person.code),
        "not_before": person.national,
        "v": int(person.national),
        person.national: person.code,
    }
    report = {"v": 1, "message_id": person.to, "attempt": int(person.code), "code": person.to, "to": person.to}
    wrong: dict[str, Callable[[], object]] = {
        **{f"job with a wrong {name[:10]}": _decoding(right | {name: value}) for name, value in fields.items()},
        "job with two deadlines": _decoding(right | {"expires_in": 5, "expires_at": "2099-01-01T00:00:00Z"}),
        "job that is a number": _decoding(person.to),
        "job with a wrong type": lambda: SendJob(to=int(person.national), template="0", params=person.code, lane=Lane.OTP),
        "reference used before": lambda: stage.enqueuer.enqueue(taken),
        "many jobs, one too late": lambda: stage.enqueuer.enqueue_all(
            [SendJob.decode(right | {"expires_at": "2001-01-01T00:00:00Z"})]
        ),
        "report": lambda: StatusEvent.decode(report),
    }
    return {f"text of {name}": _raised(call) for name, call in wrong.items()}


def _decoding(wire: object) -> Callable[[], object]:
    return lambda: SendJob.decode(wire)


def _raised(call: Callable[[], object]) -> str:
    """The exception as a log would show it."""
    try:
        call()
    except Rejection as rejection:
        return "".join(traceback.format_exception(rejection)) + repr(rejection) + repr(rejection.problems)
    raise AssertionError("was not refused")


def _commands(stage: Stage, person: Person, cast: Cast) -> Places:
    normal = cast.message_ids["normal"]
    jobs = {
        "send a wrong job": job(person) | {"to": person.to + "01", "lane": person.word},
        "send another job": job(person) | {"reference": reference(cast.people["normal"])},
        "send": job(person),
    }
    said = {name: _sent(stage, json.dumps(wire)) for name, wire in jobs.items()}
    said["send what is no JSON"] = _sent(stage, f"{person.to} {person.code}")
    said["show"] = stage.run("-m", "smsrelay_worker", "show", normal)
    said["dead list"] = stage.run("-m", "smsrelay_worker", "dead", "list", "--limit", "1000")
    said["dead list --json"] = stage.run("-m", "smsrelay_worker", "dead", "list", "--json", "--limit", "1000")
    for how in SPELLINGS:
        refused = cast.message_ids[f"refused, quoted {how}"]
        for command in (("show",), ("why",), ("dead", "show")):  # with --json the app's own reference is shown
            said[f"{' '.join(command)}, quoted {how}"] = stage.run("-m", "smsrelay_worker", *command, refused)
    return {f"smsrelay {name}": text for name, text in said.items()}


def _sent(stage: Stage, job: str) -> str:
    return stage.run("-m", "smsrelay_worker", "send", "--job", "-", stdin=job)


def settings(stage: Stage) -> Places:
    """What processes say about settings in which every value is wrong, and every value is a key."""
    code, number, callback, password = KEYS["AppCode"], KEYS["number key"], KEYS["callback key"], KEYS["broker's password"]
    wrong = {
        "SMSRELAY_NUMBER_KEYS": f"{number},{number}",
        "SMSRELAY_CALLBACK_KEYS": f"{callback},{callback[:15]}",
        "SMSRELAY_BROKER_URL": f"http://admin:{password}@127.0.0.1/0",
        "SMSRELAY_STORE_URL": f"amqp://admin:{password}@127.0.0.1/0",
        "SMSRELAY_VENDOR_URL": f"ftp://{code}@127.0.0.1",
        "SMSRELAY_VENDOR_PROXY": f"http://{code}:{password}:{number}@127.0.0.1:port",
        "SMSRELAY_APP_KEY": code,
        "SMSRELAY_RATE": code,
        "SMSRELAY_CONCURRENCY": number,
        "SMSRELAY_SERIALISER": code,
        "SMSRELAY_CALLBACK_URL": callback,
    }
    url = {"SMSRELAY_VENDOR_URL": f"http://{code}@127.0.0.1?key={callback}"}
    broken_header = {"SMSRELAY_APPCODE": f"{code}\n{code}"}
    away = dict.fromkeys(("SMSRELAY_BROKER_URL", "SMSRELAY_STORE_URL"), f"redis://default:{password}@127.0.0.1:1/0")
    runs = {f"{name} with wrong settings": (name, wrong) for name in _PROCESSES}
    for name in ("worker", "celery"):
        runs |= {f"{name} with a wrong URL": (name, url), f"{name} with a wrong AppCode": (name, broken_header)}
    for number, (name, text) in enumerate(apps_file.WRONG.items()):
        file = stage.desk.data / "broker" / f"wrong-{number}.toml"  # not beside the logs
        file.write_text(text, encoding="utf-8")
        for process in ("worker", "api", "webhook list"):
            runs[f"{process} with an apps file: {name}"] = (process, {"SMSRELAY_APPS": str(file)})
    runs["show without a store"] = ("show", away)

    def said(run: tuple[str, Mapping[str, str]]) -> str:
        return stage.run(*_PROCESSES[run[0]], given=run[1])

    with ThreadPoolExecutor(4) as pool:
        return {f"output of {name}": text for name, text in zip(runs, pool.map(said, runs.values()), strict=True)}
