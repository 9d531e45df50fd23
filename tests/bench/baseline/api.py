"""The HTTP API that a FastAPI app would offer: ``uvicorn tests.bench.baseline.api:api``.

Takes the fields of the relay's own jobs, checks them and the key, and calls ``.delay``. The route is a plain function, which
FastAPI runs in its threads: ``.delay`` blocks, and would hold up the loop.
"""

import hmac
import os
import uuid
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from tests.bench.baseline.tasks import send_sms

KEY = os.environ["BENCH_API_KEY"]

api = FastAPI()
bearer = HTTPBearer()


class Job(BaseModel):
    """One SMS."""

    to: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
    template: Annotated[str, Field(max_length=32)]
    params: Annotated[list[str], Field(max_length=20)] = []
    lane: Annotated[str, Field(pattern="^(otp|notice|marketing)$")] = "notice"


class Taken(BaseModel):
    """The answer."""

    id: str


def known(given: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> None:
    """Refuse other keys."""
    if not hmac.compare_digest(given.credentials, KEY):
        raise HTTPException(401)


@api.post("/v1/messages", status_code=202, dependencies=[Depends(known)])
def send(job: Job, response: Response) -> Taken:
    """Queue one SMS."""
    message_id = str(uuid.uuid4())
    send_sms.delay(message_id, job.to, job.template, job.params)
    response.headers["Location"] = f"/v1/messages/{message_id}"
    return Taken(id=message_id)
