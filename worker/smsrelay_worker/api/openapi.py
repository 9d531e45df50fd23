"""The OpenAPI 3.1 document of the API, made from its operations and the models of their bodies. Pure."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from smsrelay.contract.job import APP_NAME
from smsrelay_worker.api.models import Problem
from smsrelay_worker.api.operations import OPERATIONS, Operation, Success
from smsrelay_worker.api.problem_code import ProblemCode

_REF = "#/components/schemas/{model}"
_MESSAGE_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The message's id.",
    "schema": {"type": "string", "format": "uuid"},
}
_CAMPAIGN = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "The campaign's name.",
    "schema": {"type": "string", "pattern": APP_NAME},
}
_NAMED = {"{id}": _MESSAGE_ID, "{name}": _CAMPAIGN}
_RETRYABLE = {429, 503}
_INTRODUCTION = (
    "Sends SMS through the relay, and says what became of them. An accepted message is recorded durably before the answer, and"
    " ends in exactly one final state. Keys, quotas, test numbers and examples: docs/api.md."
)


@cache
def openapi() -> Mapping[str, Any]:
    """The document, as plain JSON values."""
    by_path: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "smsrelay", "version": "1", "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": by_path,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of `smsrelay key create`."}},
            "schemas": _schemas(),
        },
    }


def openapi_text() -> str:
    """The OpenAPI document as it is checked in."""
    return json.dumps(openapi(), ensure_ascii=False, indent=2) + "\n"


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = [parameter for placeholder, parameter in _NAMED.items() if placeholder in operation.path]
    parameters = [*in_path, *map(dict, operation.parameters)]
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.text,
        "description": f"Needs the scope `{operation.scope.value}`.",
        **({"parameters": parameters} if parameters else {}),
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(operation.body)}}}
    refusals = sorted(operation.codes, key=lambda code: code.status)
    described["responses"] = {
        **{str(success.status): _success(success) for success in operation.successes},
        **{str(status): _problem(status, list(codes)) for status, codes in groupby(refusals, lambda code: code.status)},
    }
    return described


def _success(success: Success) -> dict[str, Any]:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in success.headers.items()}
    return {
        "description": success.text,
        **({"headers": headers} if headers else {}),
        "content": {"application/json": {"schema": _reference(success.model)}},
        **({"links": {name: _link(name) for name in success.leads_to}} if success.leads_to else {}),
    }


def _link(operation: str) -> dict[str, Any]:
    return {"operationId": operation, "parameters": {"id": "$response.body#/id"}}


def _problem(status: int, codes: Sequence[ProblemCode]) -> dict[str, Any]:
    headers = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}} if status in _RETRYABLE else {}
    return {
        "description": " ".join(f"`{code.value}`: {code.meaning}" for code in codes),
        **({"headers": headers} if headers else {}),
        "content": {"application/problem+json": {"schema": _reference(Problem)}},
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    bodies = {operation.body for operation in OPERATIONS if operation.body is not None}
    answers = {success.model for operation in OPERATIONS for success in operation.successes} | {Problem}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(answers, key=lambda model: model.__name__)),
    ]
    _, schema = models_json_schema(wanted, ref_template=_REF)
    definitions: dict[str, Any] = schema["$defs"]
    return dict(sorted(definitions.items()))
