"""Scalars of JSON as text, and whether a text may hold somebody's phone number; pure."""

import re


def scalar_text(value: object) -> str | None:
    """A scalar as text; None for everything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None


def may_hold_number(*texts: str) -> bool:
    """Whether seven digits stand in a row once everything that is neither letter nor digit is left out."""
    return any(re.search(r"\d{7}", re.sub(r"[\W_]", "", text)) for text in texts)
