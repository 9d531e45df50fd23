"""What a server says of itself in its answer to HELLO, which every user may send."""

from collections.abc import Mapping
from typing import Any


def is_replica(answer: Any) -> bool:
    """Whether it is a replica; False where it does not say."""
    fields = answer if isinstance(answer, Mapping) else dict(zip(answer[::2], answer[1::2], strict=False))
    role = fields.get("role", fields.get(b"role"))
    return role in {"replica", b"replica", "slave", b"slave"}
