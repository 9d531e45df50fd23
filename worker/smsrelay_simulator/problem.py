"""Why a script was refused: the first wrong field, and the reason.

Enters: pydantic's error. Leaves: JSON {"field": "submits.0.answer", "reason": "…", "problems": [every one]}.
"""

import json

from pydantic import ValidationError


def problem_json(error: ValidationError) -> bytes:
    """All problems; the first one also on top."""
    problems = [
        {"field": _field(found["loc"]), "reason": found["msg"].removeprefix("Value error, ")}
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return json.dumps({**problems[0], "problems": problems}, ensure_ascii=False).encode()


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(whole)"
