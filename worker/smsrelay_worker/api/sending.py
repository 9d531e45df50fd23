"""Sending: ``POST /v1/messages`` and ``POST /v1/messages/batch``.

The steps of one job, each of which may refuse it:
1. it becomes a ``SendJob`` of the key's app (``Idempotency-Key`` is another name of ``reference``);
2. the key must allow its lane and, a team key, its number;
3. the quotas of the key must have room;
4. the enqueuer accepts it: from then on it is as durable as a job that was enqueued in Python.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smsrelay.acceptance import Accepted, ReferenceTaken, TooMany
from smsrelay.async_enqueue import AsyncEnqueuer
from smsrelay.contract.country import calling_code
from smsrelay.contract.job import SendJob
from smsrelay.contract.job_warning import job_warning
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.contract.send_window import SendWindow, window_of
from smsrelay.contract.template import Registry
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.api.exchange import JSON, Answer, Refused, Request
from smsrelay_worker.api.models import MAX_BATCH, AcceptedMessage, BatchItem, BatchResult
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.api.quota_gate import QuotaGate
from smsrelay_worker.api.refusal_log import RefusalLog
from smsrelay_worker.api.refused_jobs import RefusedJobs
from smsrelay_worker.store.api.api_key import ApiKey, KeyType, team_digest

MAX_BODY = 128 * 1024  # bytes; the longest job has 120 KB in the spelling of clients that escape all but ASCII
MAX_BATCH_BODY = 1024 * 1024
_IDEMPOTENCY_KEY = b"idempotency-key"
_BY_STORE = {code.value: code for code in (ProblemCode.SUPPRESSED, ProblemCode.COUNTRY, ProblemCode.CAMPAIGN_CANCELLED)}
_REPLAYED = (b"idempotent-replayed", b"true")


@dataclass(frozen=True, slots=True)
class Sending:
    """For one event loop.

    ``number_keys``: the keys that numbers are hashed with, any of which a team key may have used. ``windows`` gives the send
    windows that workers published.
    """

    enqueuer: AsyncEnqueuer
    gate: QuotaGate
    registry: Registry
    number_keys: Sequence[bytes]
    windows: Callable[[], Awaitable[Sequence[SendWindow]]]
    refused: RefusedJobs  # counts them
    refusals: RefusalLog  # logs the jobs of a batch that are refused; a request that is refused is logged by the app

    async def send(self, request: Request) -> Answer:
        """Accept one job; raises ``Refused``."""
        try:
            return await self._send(request)
        except Refused as refused:
            self.refused.count(refused.code)
            raise

    async def _send(self, request: Request) -> Answer:
        key = request.key
        fields = _with_reference(await request.json_object(MAX_BODY), request.headers)
        job = self._job(fields, key)
        await self.gate.count(key, 1)
        message, new = await self._accept(job, key)
        location = (b"location", f"/v1/messages/{message.id}".encode())
        headers = (JSON, location) if new else (JSON, location, _REPLAYED)
        return Answer(202 if new else 200, message.model_dump_json(exclude_defaults=True).encode(), headers)

    async def send_batch(self, request: Request) -> Answer:
        """Accept several jobs, each on its own; raises ``Refused`` only for the batch as a whole."""
        key = request.key
        if _IDEMPOTENCY_KEY in request.headers:  # ignored, a repeated batch would be sent twice though its caller named it
            raise Refused.invalid(Rejection.of("Idempotency-Key", "names one SMS; give each job of a batch its own reference"))
        wanted = _batch(await request.json_object(MAX_BATCH_BODY))
        jobs = [self._job_or_refusal(one, key) for one in wanted]
        await self._admit(key, sum(isinstance(job, SendJob) for job in jobs))
        results = await asyncio.gather(*(self._item(job, key) for job in jobs))
        return Answer(200, BatchResult(results=tuple(results)).model_dump_json(exclude_defaults=True).encode())

    async def _admit(self, key: ApiKey, jobs: int) -> None:
        try:
            await self.gate.count(key, jobs)
        except Refused as refused:
            self.refused.count(refused.code, jobs)
            raise

    def _job_or_refusal(self, fields: object, key: ApiKey) -> SendJob | Refused:
        try:
            return self._job(fields, key)
        except Refused as refused:
            return refused

    async def _item(self, job: SendJob | Refused, key: ApiKey) -> BatchItem:
        try:
            if isinstance(job, Refused):
                raise job
            message, new = await self._accept(job, key)
        except Refused as refused:
            self.refused.count(refused.code)
            self.refusals.count(key.key_id, refused.code)
            return _refused_item(refused)
        except StoreUnavailable:
            return _refused_item(Refused.unavailable())
        return BatchItem(status=202 if new else 200, message=message)

    def _job(self, fields: object, key: ApiKey) -> SendJob:
        """The job of the key's app that these fields are; raises ``Refused``."""
        try:
            job = SendJob.decode(_of_app(fields, key.app))
        except Rejection as rejection:
            raise Refused.invalid(rejection) from None
        if job.app != key.app:
            raise Refused(ProblemCode.OTHER_APP)
        template = self.registry.get(job.template)
        lane = job.lane or (template.lane if template else None)
        if lane is not None and lane not in key.lanes:
            raise Refused(ProblemCode.LANE_NOT_ALLOWED)
        if key.type is KeyType.TEAM and key.team.isdisjoint(team_digest(one, job.to) for one in self.number_keys):
            raise Refused(ProblemCode.NUMBER_NOT_ALLOWED)
        return job

    async def _accept(self, job: SendJob, key: ApiKey) -> tuple[AcceptedMessage, bool]:
        """The message that the job became, and whether it is new; raises ``Refused`` or ``StoreUnavailable``."""
        test = key.type is KeyType.TEST
        try:
            accepted = await self.enqueuer.enqueue(job, test=test)
        except ReferenceTaken as taken:
            problems = [Problem(one.field, one.reason, "taken") for one in taken.problems]
            raise Refused.invalid(Rejection(problems), ProblemCode.REFERENCE_TAKEN) from None
        except TooMany as many:
            raise Refused.invalid(many, ProblemCode.TOO_MANY, many.retry_after) from None
        except Rejection as rejection:
            raise Refused.invalid(rejection, _code_of(rejection)) from None
        warnings = () if test else await self._warnings(job, accepted)
        return _accepted(job, accepted, test, warnings), accepted.new

    async def _warnings(self, job: SendJob, accepted: Accepted) -> tuple[str, ...]:
        """Why the message would not be sent in time, by the send window of its lane and country."""
        windows = await self.windows()
        if window_of(accepted.lane, calling_code(job.to), windows) is None:  # of most jobs, at less cost
            return ()
        now = time.time_ns() // 1_000_000  # this host's clock, which is right enough for a warning
        warning = job_warning(job, self.registry, now, windows)
        return () if warning is None else (warning,)


def _code_of(rejection: Rejection) -> ProblemCode:
    """The code for a job that the store refused, or for fields that are wrong."""
    codes = {problem.code for problem in rejection.problems}
    return next((_BY_STORE[code] for code in codes if code in _BY_STORE), ProblemCode.INVALID)


def _refused_item(refused: Refused) -> BatchItem:
    return BatchItem(status=refused.code.status, problem=refused.problem, retry_after=refused.retry_after)


def _accepted(job: SendJob, accepted: Accepted, test: bool, warnings: tuple[str, ...]) -> AcceptedMessage:
    return AcceptedMessage(
        id=accepted.message_id,
        app=job.app,
        reference=job.reference,
        lane=accepted.lane,
        template=job.template,
        test=test,
        warnings=warnings,
    )


def _with_reference(fields: dict[str, Any], headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The fields with the reference that the header ``Idempotency-Key`` gives, if there is one; raises ``Refused``."""
    header = headers.get(_IDEMPOTENCY_KEY)
    if header is None:
        return fields
    try:
        text = header.decode()
    except UnicodeDecodeError:
        raise Refused.invalid(Rejection.of("Idempotency-Key", "must be UTF-8")) from None
    if len(text) > 1 and text[0] == text[-1] == '"':  # a string of structured fields, as a draft of the IETF has it
        text = text[1:-1]
    if fields.get("reference") not in (None, text):
        raise Refused.invalid(Rejection.of("reference", "differs from the header Idempotency-Key, which is another name of it"))
    return {**fields, "reference": text}


def _of_app(fields: object, app: str) -> object:
    """The fields with the key's app, where they name none."""
    return {**fields, "app": app} if isinstance(fields, dict) and fields.get("app") is None else fields


def _batch(body: Mapping[str, object]) -> Sequence[object]:
    """The jobs of a batch, not looked at yet; raises ``Refused``."""
    problems = [Problem("(unnamed field)", "only messages is allowed here", "unknown_field")] if set(body) - {"messages"} else []
    wanted = body.get("messages")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MAX_BATCH:
        problems.append(Problem("messages", f"must be a list of 1 to {MAX_BATCH} jobs", "length"))
    if problems or not isinstance(wanted, list):
        raise Refused.invalid(Rejection(problems))
    return wanted
