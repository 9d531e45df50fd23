"""docs/api.md and the OpenAPI document say what the code does."""

import json
import re
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator

from smsrelay.contract.job import SendJob
from smsrelay_worker.api.docs_page import docs_page
from smsrelay_worker.api.models import Problem
from smsrelay_worker.api.openapi import openapi, openapi_text
from smsrelay_worker.api.operations import OPERATIONS
from smsrelay_worker.api.problem_code import ProblemCode
from tests.support.pages import blocks, text_of


def operations_table() -> str:
    rows = [f"| `{one.method} {one.path}` | `{one.scope.value}` | {one.text} |" for one in OPERATIONS]
    return "\n".join(["| request | scope | does |", "|---|---|---|", *rows])


def problems_table() -> str:
    rows = [f"| {code.status} | `{code.value}` | {code.meaning} |" for code in ProblemCode]
    return "\n".join(["| status | code | meaning |", "|---|---|---|", *rows])


@pytest.mark.parametrize(("marker", "table"), [("operations", operations_table()), ("problems", problems_table())])
def test_the_tables_of_the_page_are_the_codes_own(marker: str, table: str) -> None:
    found = re.search(rf"<!-- {marker}[^>]*-->\n(.*?)\n<!-- /{marker} -->", text_of("docs/api.md"), re.DOTALL)
    assert found is not None
    assert found[1] == table


def test_the_document_that_is_checked_in_is_current() -> None:
    assert text_of("docs/schema/openapi.v1.json") == openapi_text()


def test_the_problem_that_the_page_shows_is_one() -> None:
    [_, shown] = [json.loads(block) for block in blocks("docs/api.md", "json")]
    shown["errors"] = tuple(shown["errors"])
    assert Problem.model_validate(shown).title == ProblemCode(shown["code"]).meaning


def test_every_code_is_promised_by_some_request_or_is_of_paths() -> None:
    promised = {code for operation in OPERATIONS for code in operation.codes}
    assert set(ProblemCode) - promised == {ProblemCode.METHOD_NOT_ALLOWED}


def test_every_schema_of_the_document_is_one_and_every_reference_leads_to_one() -> None:
    schemas = openapi()["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {reference.rpartition("/")[2] for reference in _references(openapi())} <= set(schemas)


def test_the_body_of_a_message_is_the_contracts_own() -> None:
    contract = json.loads(text_of("docs/schema/send-job.v1.json"))
    shown = openapi()["components"]["schemas"]["SendJob"]
    assert set(shown["properties"]) == set(contract["properties"]) == set(SendJob.model_fields)
    assert shown["required"] == contract["required"]


def test_the_page_shows_every_request_and_every_problem_and_escapes_what_it_shows() -> None:
    page = docs_page(openapi())
    assert [one for one in OPERATIONS if f'id="{one.name}"' not in page] == []
    assert [code for code in ProblemCode if f'id="{code.value}"' not in page] == []
    assert "&lt;b&gt;" in docs_page({**openapi(), "info": {"title": "<b>", "version": "1", "description": ""}})


def test_the_page_shows_as_code_what_the_document_marks_as_code() -> None:
    page = docs_page(openapi())
    assert "<code>messages:send</code>" in page
    assert "`" not in page


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)
