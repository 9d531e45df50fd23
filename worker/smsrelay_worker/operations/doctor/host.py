"""The doctor's look at this host, and at what leaves it: files a receiver may open, and a key that travels openly."""

import ipaddress
from urllib.parse import urlsplit

from smsrelay.receiver.open_files import open_files_shortfall
from smsrelay.settings import ProducerSettings
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.settings import WorkerSettings


def open_files(settings: ProducerSettings) -> list[Finding]:
    """Of the limit of open files, on a receiver's host."""
    missing = open_files_shortfall(settings.callback_connections)
    if not missing:
        return []
    problem = (
        f"the limit of open files is {missing} too low for SMSRELAY_CALLBACK_CONNECTIONS: callbacks wait or fail when many come"
    )
    remedy = "raise it (`ulimit -n`, LimitNOFILE= of systemd, ulimits: of compose), or lower the setting"
    return [warning("files", problem, remedy)]


def open_vendor(settings: WorkerSettings) -> list[Finding]:
    """Of a vendor out on the internet that is called without TLS."""
    named = {"SMSRELAY_VENDOR_URL": settings.vendor_url, "SMSRELAY_VENDOR_INTL_URL": settings.vendor_intl_url}
    openly = {name: url for name, url in named.items() if url.startswith("http://") and not is_local(url)}
    problem = "is http://: numbers, codes and the vendor's key travel openly"
    return [error("vendor", f"{name} {problem}", "https://") for name in openly]


def is_local(url: str) -> bool:
    """Whether an address is of this host or a private network, as far as it can be told without asking anybody."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
