"""JSON scalars as text, and whether a text may contain a phone number; pure."""

import re


def scalar_text(value: object) -> str | None:
    """A scalar as text; ``None`` for anything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None


def may_hold_number(*texts: str) -> bool:
    """Whether a text has seven digits in a row, ignoring everything that is neither letter nor digit."""
    return any(re.search(r"\d{7}", re.sub(r"[\W_]", "", text)) for text in texts)
