"""The environment of every process of a stage: all settings but where its servers are."""

import os
import secrets
from pathlib import Path

from smsrelay.settings import PREFIX
from tests.chaos.stage.size import Size
from tests.chaos.windows import CONNECT_TIMEOUT, READ_TIMEOUT


def variables(folder: Path, size: Size, callback_url: str, vendor_url: str) -> dict[str, str]:
    """Our own environment with the settings of a run, and keys of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return own | {
        "SMSRELAY_CALLBACK_URL": callback_url,
        "SMSRELAY_VENDOR_URL": vendor_url,
        "SMSRELAY_VENDOR_INTL_URL": vendor_url,
        "SMSRELAY_APPCODE": "simulator",
        "SMSRELAY_NUMBER_KEYS": secrets.token_hex(16),
        "SMSRELAY_CALLBACK_KEYS": secrets.token_hex(16),
        "SMSRELAY_PAYLOAD_KEYS": secrets.token_hex(16),
        "SMSRELAY_POLICY": str(folder / "policy.toml"),
        "SMSRELAY_LIMITS": str(folder / "limits.toml"),
        "SMSRELAY_RATE": str(size.rate),
        "SMSRELAY_CONCURRENCY": str(size.threads),
        "SMSRELAY_CONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
        "SMSRELAY_READ_TIMEOUT": str(READ_TIMEOUT),
        "SMSRELAY_HALT_PROBE": "2",
        "SMSRELAY_DATA": str(folder / "data"),
    }
