"""Lookups: everything the API answers about messages that exist: status, timeline, cancel and feedback; and the relay's status.

An app sees its own messages alone; a test key sees test messages, and the others see the rest.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs

from pydantic import ValidationError

from smsrelay.contract.message import referenced_id
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.lookup import MOST_FOUND, MessageStatus
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.store.asynchronous.numbers import AsyncNumberIndex
from smsrelay.store.asynchronous.records import AsyncRecords
from smsrelay_worker.api.exchange import Answer, Refused, Request
from smsrelay_worker.api.models import Feedback, FoundMessages, MessageView, Recipient, RelayStatus, Timeline, TimelineLine
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.messages.timeline import describe_timeline, next_step
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.api.api_key import ApiKey, KeyType

_MESSAGE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_SMALL_BODY = 4096  # bytes
_MAX_REFERENCE = 128  # characters


@dataclass(frozen=True, slots=True)
class Lookups:
    """For one event loop.

    ``used`` notes, until an instant on the loop's clock, that a message's code was used; ``overview`` reads the relay's status.
    ``timeout``: seconds that a request waits for the store.
    """

    records: AsyncRecords
    numbers: AsyncNumberIndex
    policy: Policy
    used: Callable[[str, float], Awaitable[int | None]]
    overview: Callable[[], Awaitable[StatusOverview]]
    timeout: float

    async def show(self, request: Request) -> Answer:
        """One message, by its id."""
        return _shown(await self._own(request.key, request.named))

    async def find(self, request: Request) -> Answer:
        """One message, by the app's own reference."""
        reference = _reference(request.query)
        key = request.key
        return _shown(await self._own(key, referenced_id(key.app, reference, test=key.type is KeyType.TEST)))

    async def find_number(self, request: Request) -> Answer:
        """The app's messages to one number."""
        to = recipient(await request.json_object(MAX_SMALL_BODY))
        key = request.key
        found = await self.numbers.records(to, lambda record: _sees(key, record), MOST_FOUND, self._until())
        return Answer(200, FoundMessages(messages=tuple(map(view, found))).model_dump_json().encode())

    async def timeline(self, request: Request) -> Answer:
        """What happened to a message."""
        record = await self._own(request.key, request.named)
        lines = tuple(
            TimelineLine(at=instant(one.at), state=one.state, attempt=one.attempt, code=one.code, rule=one.rule, text=one.text)
            for one in describe_timeline(record, self.policy)
        )
        shown = Timeline(message=view(record), timeline=lines, next=next_step(record, self.policy))
        return Answer(200, shown.model_dump_json().encode())

    async def cancel(self, request: Request) -> Answer:
        """Cancel a message whose first attempt has not begun; to cancel it again is harmless."""
        record = await self._own(request.key, request.named)
        changed = await self.records.change(record.message_id, cancelled, self._until())
        if changed is None:
            raise Refused(ProblemCode.NOT_FOUND)
        if changed.state is not State.CANCELLED:
            raise Refused(ProblemCode.TOO_LATE)
        return _shown(changed)

    async def feedback(self, request: Request) -> Answer:
        """Note that the recipient used the code. Only the first time counts."""
        body = await request.json_object(MAX_SMALL_BODY)
        try:
            Feedback.model_validate(body)
        except ValidationError as error:
            raise Refused.invalid(Rejection.from_validation(error)) from None
        record = await self._own(request.key, request.named)
        used_at = await self.used(record.message_id, self._until())
        if used_at is None:
            raise Refused(ProblemCode.NOT_FOUND)
        return Answer(200, view(record).model_copy(update={"used_at": instant(used_at)}).model_dump_json().encode())

    async def status(self, _request: Request) -> Answer:
        """Whether messages leave, and how many wait."""
        return Answer(200, relay_status(await self.overview()).model_dump_json().encode())

    async def _own(self, key: ApiKey, message_id: str) -> Record:
        """A message that the key may see; raises ``Refused``."""
        if not _MESSAGE_ID.fullmatch(message_id):
            raise Refused(ProblemCode.NOT_FOUND)
        record = await self.records.read(message_id, self._until())
        if record is None or not _sees(key, record):
            raise Refused(ProblemCode.NOT_FOUND)
        return record

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self.timeout


def _sees(key: ApiKey, record: Record) -> bool:
    return record.app == key.app and record.test == (key.type is KeyType.TEST)


def recipient(body: object) -> str:
    """The number in a body, in E.164; raises ``Refused``."""
    try:
        return e164(Recipient.model_validate(body).to)
    except ValidationError as error:
        refused = Refused.invalid(Rejection.from_validation(error))
    except ValueError as error:
        refused = Refused.invalid(Rejection.of("to", str(error)))
    raise refused


Endpoint = Callable[[Request], Awaitable[Answer]]


def view(record: Record) -> MessageView:
    """A record as its app sees it."""
    status = MessageStatus.of(record)
    return MessageView(
        id=status.id,
        app=status.app,
        reference=status.reference,
        lane=status.lane,
        template=status.template,
        test=status.test,
        state=status.state,
        code=status.code,
        attempts=status.attempts,
        created_at=status.created_at,
        expires_at=status.expires_at,
        revision=status.revision,
        tags=dict(status.tags),
        used_at=None if record.used_at is None else instant(record.used_at),
        campaign=status.campaign,
    )


def relay_status(overview: StatusOverview) -> RelayStatus:
    """The part of the relay's status that is an app's concern."""
    rate = overview.rate
    stopped = rate.halted or rate.circuit
    return RelayStatus(
        state=overview.flow,
        since=None if stopped is None else instant(stopped.since),
        workers=len(overview.workers),
        waiting=dict(overview.waiting),
    )


def _shown(record: Record) -> Answer:
    return Answer(200, view(record).model_dump_json().encode())


def _reference(query: bytes) -> str:
    """The parameter ``reference`` of a query; raises ``Refused``."""
    try:
        found = parse_qs(query.decode("ascii", "replace"), max_num_fields=16).get("reference", [])
    except ValueError:
        found = []
    if len(found) != 1 or len(found[0]) > _MAX_REFERENCE:
        raise Refused.invalid(Rejection.of("reference", f"give it once, as 1 to {_MAX_REFERENCE} characters: ?reference=…"))
    return found[0]


def instant(ms: int) -> datetime:
    """An instant (ms since the epoch) as answers show it."""
    return datetime.fromtimestamp(ms / 1000, UTC)
