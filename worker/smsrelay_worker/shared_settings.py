"""Takes what all workers must share from the settings of this process; reads the files that they name for their digests."""

import hashlib
from importlib import metadata

from smsrelay.contract.key_name import key_names
from smsrelay.contract.message import keyed_digest
from smsrelay_worker.limits import toml_file as limits_file
from smsrelay_worker.policy.toml_file import packaged_source
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.store.shared_settings import SharedSettings


def shared_settings(settings: WorkerSettings) -> SharedSettings:
    """What this process would report as a worker. Raises ``OSError`` for a file that cannot be read."""
    return SharedSettings(
        version=metadata.version("smsrelay"),
        rate=settings.rate,
        rate_unit=settings.rate_unit,
        halt_probe=settings.halt_probe,
        retention_hours=settings.retention_hours,
        policy=_digest(settings.policy.read_bytes() if settings.policy else packaged_source().encode()),
        templates=_digest(settings.templates.read_bytes()) if settings.templates else "none",
        apps=keyed_digest(settings.callback_keys.newest, "apps", settings.apps.read_text("utf-8")) if settings.apps else "none",
        number_keys=",".join(key_names(settings.number_keys)),
        callback_keys=",".join(key_names(settings.callback_keys)),
        payload_keys=",".join(key_names(settings.payload_keys)) if settings.payload_keys else "none",
        limits=_digest(settings.limits.read_bytes() if settings.limits else limits_file.packaged_source().encode()),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
