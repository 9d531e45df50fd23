"""Foreign jobs: what apps without our library put on the queue, right and wrong.

Every one carries representations of its arguments as celery-node and other clients write them: the job, readable. Kombu publishes
them here byte for byte as such a client does.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kombu import Connection

from tests.acceptance.leaks.needles import Person

_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_JSON = {"content_type": "application/json", "content_encoding": "utf-8"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """One message on a queue: its body as text, headers, and how the body is said to be encoded."""

    body: str
    headers: dict[str, Any]
    content_type: str = "application/json"
    queue: str = "sms.otp"

    def publish(self, broker_url: str) -> None:
        """Put it on the queue."""
        with Connection(broker_url) as connection, connection.Producer() as producer:
            producer.publish(
                self.body,
                exchange="",
                routing_key=self.queue,
                headers=self.headers,
                content_type=self.content_type,
                content_encoding="utf-8",
            )


def reference(person: Person) -> str:
    """An app's own id of its SMS, made of all that ours may not hold."""
    return f"order {person.to} {person.code}"


def job(person: Person) -> dict[str, Any]:
    """The job as an app writes it."""
    return {
        "v": 1,
        "to": person.to,
        "template": "0000000",
        "params": [person.word, person.code],
        "lane": "otp",
        "reference": reference(person),
    }


def task(args: list[Any], kwargs: dict[str, Any], **headers: Any) -> Foreign:
    """A task of protocol 2, with its arguments in the headers for everybody to read."""
    task_id = str(uuid.uuid4())
    standard = {
        "lang": "js",
        "task": "sms.send",
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": json.dumps(args),
        "kwargsrepr": json.dumps(kwargs),
        "origin": "1@app",
    }
    return Foreign(json.dumps([args, kwargs, _EMBED]), standard | headers)


def first_protocol(person: Person) -> Foreign:
    """A task of protocol 1: everything in the body."""
    body = {"task": "sms.send", "id": str(uuid.uuid4()), "args": [job(person)], "kwargs": {}, "retries": 0}
    return Foreign(json.dumps(body), {})


RIGHT: dict[str, Callable[[Person], Foreign]] = {
    "foreign args": lambda person: task([job(person)], {}),
    "foreign job": lambda person: task([], {"job": job(person)}),
    "foreign fields": lambda person: task([], job(person)),
    "foreign protocol 1": first_protocol,
}

REFUSED: dict[str, Callable[[Person], Foreign]] = {
    "wrong number": lambda person: task([job(person) | {"to": person.to + "01"}], {}),
    "number as a field": lambda person: task([], {"job": job(person) | {person.national: person.code}}),
    "number as a template": lambda person: task([], {"job": job(person) | {"template": person.to}}),
    "code as a lane": lambda person: task([], {"job": job(person) | {"lane": person.word}}),
    "parameters as an object": lambda person: task([job(person) | {"params": {person.national: person.code}}], {}),
    "code as a number": lambda person: task([job(person) | {"params": [int(person.code)]}], {}),
    "delimiter in a code": lambda person: task([job(person) | {"params": [person.word + ",", person.code]}], {}),
    "number as a date": lambda person: task([job(person) | {"not_before": person.to}], {}),
    "bare number": lambda person: task([person.to], {}),
    "two arguments": lambda person: task([person.to, person.code], {}),
    "report with a number": lambda person: task([], {"event": {"v": 1, "to": person.to, "code": person.code}}, task="sms.status"),
}

UNREADABLE: dict[str, Callable[[Person], Foreign]] = {
    "cut off": lambda person: Foreign(json.dumps([[job(person)], {}])[:-9], task([job(person)], {}).headers),
    "other encoding": lambda person: Foreign(json.dumps(job(person)), task([], {}).headers, "application/x-python-serialize"),
    "unknown task": lambda person: task([job(person)], {}, task="sms.sned"),
    "no task": lambda person: Foreign(json.dumps(job(person)), {}),
}

# As in scenes.HOSTILE: names that a client chose, with a number in them.
HOSTILE: dict[str, Callable[[Person], Foreign]] = {
    "number as an eta": lambda person: task([job(person)], {}, eta=person.to),
    "number as an expiry": lambda person: task([job(person)], {}, expires=person.to),
    "number as the task's id": lambda person: task([job(person)], {}, id=f"sms-{person.national}"),
    "number as the task's shadow": lambda person: task([job(person)], {}, shadow=f"sms to {person.to}"),
    "number as the task's root": lambda person: task([job(person)], {}, root_id=person.national, parent_id=person.national),
    "number as a key of a report": lambda person: task(
        [],
        {"event": {"v": 1, "message_id": "m", "attempt": 1, "code": "200", "received_at": 1, "extra": {person.to: 1}}},
        task="sms.status",
    ),
}
