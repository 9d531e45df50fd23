"""The system's limit on the files, connections included, that a process may open."""

import resource

_OTHER_FILES = 128  # files of a server besides the callers' connections: store, broker, spool, log


def raise_open_files_limit(connections: int) -> bool:
    """Raise this process's limit to what so many connections need; False if the system's hard limit is too low."""
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return True
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed >= wanted


def open_files_shortfall(connections: int) -> int:
    """By how many files the hard limit is too low for so many connections; 0 if it is not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if hard == resource.RLIM_INFINITY else max(0, connections + _OTHER_FILES - hard)
