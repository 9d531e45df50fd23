"""Foreign variables: environment variables by which our libraries would follow another program's settings instead of ours.

Another app's CELERY_BROKER_URL would connect our workers to its broker. Kubernetes sets FLOWER_PORT=tcp://… for a Service named
``flower``, on which Flower exits. Variables as common as APP or BROKER_URL are options of Celery's command line. None of our
processes needs any of them. What a host sets for every program (TZ, locale, certificates, PYTHON…) stays.
"""

from collections.abc import Iterable, MutableMapping

_PREFIXES = ("CELERY_", "FLOWER_", "DJANGO_", "KOMBU_", "GEVENT_", "GEVENTARES_", "PROMETHEUS_")
_NAMES = frozenset(
    {
        # Celery's command line
        *("APP", "BROKER_URL", "CONFIG_MODULE", "LOADER", "RESULT_BACKEND", "SKIP_CHECKS"),
        # Celery and billiard, which read some of them at import
        *("AUTOSCALE_KEEPALIVE", "C_BENCH", "C_BENCH_EVERY", "C_FAKEFORK", "C_FORCE_ROOT", "C_IMPDEBUG", "C_REMDEBUG"),
        *("C_STRICT_APP", "C_WARN_APP", "C_WNOCONF", "EVENTLET_NOBLOCK", "FORKED_BY_MULTIPROCESSING", "MP_LOG", "MP_MAIN_FILE"),
        *("NO_WORKER", "NOSETPS", "REMAP_SIGTERM", "TIMER_DEBUG", "USE_FAST_LOCALS"),
        *("_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_", "_MP_FORK_LOGLEVEL_", "celery_dummy_proxy"),
        # kombu, gevent, the Prometheus client
        *("DISABLE_TRACEBACKS", "PICKLE_PROTOCOL", "PURE_PYTHON", "prometheus_multiproc_dir"),
    }
)


def foreign_variables(names: Iterable[str]) -> list[str]:
    """The names that our libraries would read as settings, sorted."""
    return sorted(name for name in names if name in _NAMES or name.startswith(_PREFIXES))


def remove_foreign_variables(environment: MutableMapping[str, str]) -> list[str]:
    """Remove them from the environment and return their names."""
    names = foreign_variables(environment)
    for name in names:
        del environment[name]
    return names
