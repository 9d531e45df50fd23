"""A FastAPI app that sends login codes, and knows whether they arrived.

pip install smsrelay fastapi uvicorn standardwebhooks
WEBHOOK_SECRET=whsec_... uvicorn --port 8001 app:app
"""

import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from standardwebhooks import Webhook, WebhookVerificationError

from smsrelay import (
    Accepted,
    AsyncEnqueuer,
    MessageStatus,
    ProducerSettings,
    ReferenceTaken,
    Rejection,
    SendJob,
    StoreUnavailable,
    TooLate,
)

APP = "fastapi-example"
T = TypeVar("T")

outcomes: dict[str, dict[str, Any]] = {}  # the last outcome of each message; an app with several processes uses its database
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with AsyncEnqueuer.connect(ProducerSettings()) as enqueuer:
        app.state.enqueuer = enqueuer
        yield


app = FastAPI(lifespan=lifespan)


def the_enqueuer(request: Request) -> AsyncEnqueuer:
    enqueuer: AsyncEnqueuer = request.app.state.enqueuer
    return enqueuer


Enqueuer = Annotated[AsyncEnqueuer, Depends(the_enqueuer)]


@app.exception_handler(Rejection)
async def rejected(request: Request, rejection: Rejection) -> JSONResponse:
    names = {"to": "phone"}  # a problem names the field of SendJob
    detail = [{"loc": ["body", names.get(one.field, one.field)], "msg": one.reason} for one in rejection.problems]
    return JSONResponse({"detail": detail}, status_code=409 if isinstance(rejection, ReferenceTaken) else 422)


@app.exception_handler(TooLate)
async def too_late(request: Request, error: TooLate) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)


@app.exception_handler(StoreUnavailable)
async def unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
    return JSONResponse({"detail": "try again"}, status_code=503, headers={"Retry-After": "5"})


class Login(BaseModel):
    id: int
    phone: str


@app.post("/codes", status_code=202)
async def send_code(login: Login, enqueuer: Enqueuer) -> Accepted:
    code = f"{secrets.randbelow(10**6):06d}"  # to be kept, hashed, with the login
    job = SendJob(to=login.phone, template="0000000", params=[code], lane="otp", app=APP, reference=f"login-{login.id}")
    return await enqueuer.enqueue(job)


@app.get("/codes/{login_id}")
async def find_code(login_id: int, enqueuer: Enqueuer) -> MessageStatus:
    return _found(await enqueuer.find(APP, f"login-{login_id}"))


@app.delete("/codes/{message_id}")
async def cancel_code(message_id: str, enqueuer: Enqueuer) -> MessageStatus:
    return _found(await enqueuer.cancel(message_id))


@app.post("/sms/outcomes", status_code=204)
async def take_outcome(request: Request) -> None:
    try:
        event = webhook.verify(await request.body(), dict(request.headers))
    except WebhookVerificationError:
        raise HTTPException(401) from None
    outcome = event["data"]
    if "id" not in outcome:  # an operator's `smsrelay webhook test`
        return
    known = outcomes.get(outcome["id"])
    if known is None or known["revision"] < outcome["revision"]:  # an outcome may come twice, or after a later one
        outcomes[outcome["id"]] = outcome


@app.get("/outcomes/{message_id}")
async def show_outcome(message_id: str) -> dict[str, Any]:
    return _found(outcomes.get(message_id))


def _found(value: T | None) -> T:
    if value is None:
        raise HTTPException(404)
    return value
