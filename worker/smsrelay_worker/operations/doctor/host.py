"""Checks this host and what leaves it: reports in the spool, the limit of open files, a vendor called without TLS."""

import ipaddress
from urllib.parse import urlsplit

from smsrelay.http.open_files import open_files_shortfall
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.receiver.spool import Spool, SpoolUnavailable
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.settings import WorkerSettings


def examine_spool(settings: ReceiverSettings) -> list[Finding]:
    """Status reports that wait on this host's disk. A missing folder is not created."""
    if not (settings.spool_folder / "reports.sqlite").exists():
        return []
    spool = Spool(settings.spool_folder, settings.spool_max)
    try:
        waiting = spool.waiting()
    except SpoolUnavailable as problem:
        return [warning("spool", Kind.SPOOL_HERE_UNREADABLE, reason=problem)]
    finally:
        spool.close()
    return [warning("spool", Kind.SPOOL_HERE_NOT_EMPTY, count=waiting)] if waiting else []


def open_files(settings: ReceiverSettings) -> list[Finding]:
    """The limit of open files on a receiver's host."""
    missing = open_files_shortfall(settings.callback_connections)
    return [warning("files", Kind.OPEN_FILES_LOW, missing=missing)] if missing else []


def unencrypted_vendor(settings: WorkerSettings) -> list[Finding]:
    """A vendor on the internet that is called without TLS."""
    urls = {"SMSRELAY_VENDOR_URL": settings.vendor_url, "SMSRELAY_VENDOR_INTL_URL": settings.vendor_intl_url}
    unencrypted = [name for name, url in urls.items() if url.startswith("http://") and not is_local(url)]
    return [error("vendor", Kind.VENDOR_UNENCRYPTED, variable=name) for name in unencrypted]


def is_local(url: str) -> bool:
    """Whether the host is this one or in a private network, as far as the URL alone shows."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
