"""The limit on the files, connections among them, that a process may have open."""

import resource

_BESIDE = 128  # files of a receiver that are no callback's connection: store, broker, spool, log


def raise_open_files_limit(connections: int) -> bool:
    """Raise this process's limit so that it can hold so many connections; False when the system's own limit does not allow it."""
    wanted = connections + _BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return True
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed >= wanted


def open_files_shortfall(connections: int) -> int:
    """By how many files the system's limit is too low for so many connections; 0: it is not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if hard == resource.RLIM_INFINITY else max(0, connections + _BESIDE - hard)
