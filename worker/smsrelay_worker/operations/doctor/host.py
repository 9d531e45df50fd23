"""Checks this host and what leaves it: reports in the spool, the limit of open files, a vendor called without TLS."""

import ipaddress
from urllib.parse import urlsplit

from smsrelay.http.open_files import open_files_shortfall
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.receiver.spool import Spool, SpoolUnavailable
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.settings import WorkerSettings


def examine_spool(settings: ReceiverSettings) -> list[Finding]:
    """Status reports that wait on this host's disk. A missing folder is not created."""
    if not (settings.spool_folder / "reports.sqlite").exists():
        return []
    spool = Spool(settings.spool_folder, settings.spool_max)
    try:
        waiting = spool.waiting()
    except SpoolUnavailable as problem:
        remedy = "look at the folder, and run the doctor as the receiver's user"
        return [warning("spool", f"could not be read: {problem}", remedy)]
    finally:
        spool.close()
    remedy = "keep a receiver running on this host; it drains the spool once broker and store answer"
    return [warning("spool", f"{waiting} reports wait in the spool of this host", remedy)] if waiting else []


def open_files(settings: ReceiverSettings) -> list[Finding]:
    """The limit of open files on a receiver's host."""
    missing = open_files_shortfall(settings.callback_connections)
    if not missing:
        return []
    problem = (
        f"the limit of open files is {missing} too low for SMSRELAY_CALLBACK_CONNECTIONS: "
        "callbacks wait or fail when many come at once"
    )
    remedy = "raise it (`ulimit -n`, LimitNOFILE= in systemd, ulimits: in Compose), or lower the setting"
    return [warning("files", problem, remedy)]


def unencrypted_vendor(settings: WorkerSettings) -> list[Finding]:
    """A vendor on the internet that is called without TLS."""
    urls = {"SMSRELAY_VENDOR_URL": settings.vendor_url, "SMSRELAY_VENDOR_INTL_URL": settings.vendor_intl_url}
    unencrypted = [name for name, url in urls.items() if url.startswith("http://") and not is_local(url)]
    problem = "is http://: phone numbers, codes and the vendor's key travel unencrypted"
    return [error("vendor", f"{name} {problem}", "use https://") for name in unencrypted]


def is_local(url: str) -> bool:
    """Whether the host is this one or in a private network, as far as the URL alone shows."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
