"""Finds the JSON in a callback's body, whatever its encoding and wrapping; pure.

A body may be JSON, JSON quoted as a JSON string, a form, or JSON in one field of a form; in UTF-8 or an encoding that Chinese
vendors use. A body that is none of these raises nothing; it just has no JSON.
"""

import json
from collections.abc import Iterator
from itertools import chain
from urllib.parse import parse_qsl

# gb18030 contains GBK; the last one decodes a text that was truncated inside a character.
_ENCODINGS = (("utf-8", "strict"), ("gb18030", "strict"), ("utf-8", "replace"))
_GB_FIRST = (_ENCODINGS[1], _ENCODINGS[0], _ENCODINGS[2])
_BYTE_ORDER_MARK = "\ufeff"
_MAX_FORM_FIELDS = 64


def candidate_documents(body: bytes, content_type: str | None) -> Iterator[dict[str, object] | list[object]]:
    """Every JSON object or list that the body may mean, the most likely first."""
    for text in _texts(body, content_type):
        whole = container(text)
        if whole is not None:
            yield whole
        form = _form(text)
        if form:
            yield dict(form)
        for part in chain.from_iterable(form.items()):
            inner = container(part)
            if inner is not None:
                yield inner


def container(value: object) -> dict[str, object] | list[object] | None:
    """A JSON object or list, given as such or as text, which may be quoted once; ``None`` for anything else."""
    for _ in range(2):
        if isinstance(value, str):
            value = _json(value)
    return value if isinstance(value, dict | list) else None


def _texts(body: bytes, content_type: str | None) -> Iterator[str]:
    says_gb = "charset=gb" in (content_type or "").lower().replace('"', "").replace(" ", "")
    for encoding, errors in _GB_FIRST if says_gb else _ENCODINGS:
        try:
            text = body.decode(encoding, errors)
        except UnicodeDecodeError:
            continue
        yield text.removeprefix(_BYTE_ORDER_MARK)


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS))
    except ValueError:  # more fields than any vendor sends
        return {}


def _json(text: str) -> object:
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # ValueError: not JSON, or a number of more than 4300 digits
        return None
