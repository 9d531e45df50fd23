"""Reads a form field that holds several values, in every spelling that public clients of this vendor use."""


def values(text: str) -> tuple[str, ...]:
    """The values of ``1234, 5``, ``['1234', '5']``, ``["1234", "5"]`` or ``[1234,5]``; an empty text has none."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return tuple(part.strip().strip("'\"") for part in inner.split(",")) if inner.strip() else ()
