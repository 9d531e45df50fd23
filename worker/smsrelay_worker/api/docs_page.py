"""The API's page: its OpenAPI document as HTML, complete in itself: no script, and nothing from another server."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from smsrelay_worker.api.problem_code import ProblemCode

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem 4rem;color:#1c2024;background:#fff}
h1{font-size:1.6rem}h2{margin-top:3rem;font-size:1.15rem;border-top:1px solid #d8dce0;padding-top:1.2rem}
h3{font-size:1rem;margin:1.2rem 0 .4rem}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
code{background:#f1f3f5;padding:.1em .3em;border-radius:3px}a{color:#0b57a4}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem}
th{border-bottom:2px solid #d8dce0}td{border-bottom:1px solid #e8eaec}.method{color:#fff;background:#3b5a7a;padding:.15em .5em;
border-radius:3px;font-size:.85rem;margin-right:.5em}
@media (prefers-color-scheme:dark){body{color:#e4e6e8;background:#16191c}code{background:#262b30}a{color:#7db8f0}
h2,th{border-color:#3a4046}td{border-color:#2c3136}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MARKED = re.compile("`([^`]+)`")


def docs_page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document of ours."""
    info = document["info"]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>{_text(info['title'])} API</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(info['title'])} API, version {_text(info['version'])}</h1>",
            f"<p>{_text(info['description'])}</p>",
            '<p>Every request carries <code>Authorization: Bearer KEY</code>. The same as a document: <a href="/openapi.json">'
            "openapi.json</a>.</p>",
            *_contents(document),
            *(part for path, methods in document["paths"].items() for one in methods.items() for part in _operation(path, *one)),
            *_schemas(document["components"]["schemas"]),
            *_problems(),
            "</body></html>",
        ]
    )


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<ul>"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            link = f'<a href="#{_text(operation["operationId"])}"><code>{method.upper()} {_text(path)}</code></a>'
            yield f"<li>{link}: {_text(operation['summary'])}</li>"
    yield '<li><a href="#problems">Problems</a></li></ul>'


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = _text(operation["operationId"])
    yield f'<h2 id="{name}"><span class="method">{method.upper()}</span><code>{_text(path)}</code></h2>'
    yield f"<p>{_prose(operation['summary'])} {_prose(operation['description'])}</p>"
    if "parameters" in operation:
        rows = [
            (f"<code>{_text(one['name'])}</code>", _text(one["in"]), _prose(one["description"]))
            for one in operation["parameters"]
        ]
        yield _table(("parameter", "in", "meaning"), rows)
    if "requestBody" in operation:
        [content] = operation["requestBody"]["content"].values()
        yield f"<p>Body: {_type(content['schema'])}</p>"
    rows = []
    for status, response in operation["responses"].items():
        [content] = response["content"].values()
        headers = ", ".join(f"<code>{_text(header)}</code>" for header in response.get("headers", {}))
        rows.append(
            (status, _prose(response["description"]) + (f" Headers: {headers}." if headers else ""), _type(content["schema"]))
        )
    yield _table(("status", "meaning", "body"), rows)


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Bodies</h2>"
    for name, schema in schemas.items():
        yield f'<h3 id="schema-{_text(name)}">{_text(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
        if "enum" in schema:
            yield "<p>" + " ".join(f"<code>{_text(value)}</code>" for value in schema["enum"]) + "</p>"
        if "properties" in schema:
            required = set(schema.get("required", ()))
            rows = [
                (
                    f"<code>{_text(field)}</code>" + (" required" if field in required else ""),
                    _type(of_field),
                    _prose(of_field.get("description", "")),
                )
                for field, of_field in schema["properties"].items()
            ]
            yield _table(("field", "type", "meaning"), rows)


def _problems() -> Iterator[str]:
    yield '<h2 id="problems">Problems</h2><p>The body of every refusal is <code>application/problem+json</code> (RFC 9457).</p>'
    rows = [
        (f'<span id="{code.value}">{code.status}</span>', f"<code>{code.value}</code>", _text(code.meaning))
        for code in ProblemCode
    ]
    yield _table(("status", "code", "meaning"), rows)


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a word, or as a link to where it is described."""
    if "$ref" in schema:
        name = _text(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "const" in schema:
        return f"<code>{_text(json.dumps(schema['const']))}</code>"
    kind = " ".join(filter(None, (str(schema.get("type", "any")), str(schema.get("format", "")))))
    return _text(kind)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    titles = "".join(f"<th>{_text(title)}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{lines}</table>"


def _text(value: object) -> str:
    return escape(str(value))


def _prose(value: object) -> str:
    """Text of the document, in which backticks mark code."""
    return _MARKED.sub(r"<code>\1</code>", _text(value))
