"""A phone number as it may be shown: its last four digits and its beginning, with four digits hidden between."""

_SHOWN = 4
_HIDDEN = 4


def masked_number(number: str) -> str:
    """``+86139****5678`` for ``+8613912345678``; of a number of eight characters or fewer, only the last two."""
    if len(number) <= _SHOWN + _HIDDEN:
        return "*" * _HIDDEN + number[-2:]
    return number[: -_SHOWN - _HIDDEN] + "*" * _HIDDEN + number[-_SHOWN:]
