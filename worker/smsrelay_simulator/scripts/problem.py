"""Why a request body is invalid, as JSON: ``{"field": "submits.0.answer", "reason": "…", "problems": […]}``."""

import json

from pydantic import ValidationError


def problem_json(error: ValidationError) -> bytes:
    """The first problem as ``field`` and ``reason``, and all of them as ``problems``."""
    problems = [
        {"field": _field(found["loc"]), "reason": found["msg"].removeprefix("Value error, ")}
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return json.dumps({**problems[0], "problems": problems}, ensure_ascii=False).encode()


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(whole)"
