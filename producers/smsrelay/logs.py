"""Logging: one JSON line for each event on standard error, Celery's included. No line contains a number, a code or a key."""

import logging
import re
import sys

import structlog

# A Redis quotes the arguments of a command it does not know. For HELLO, which logs us in, they include the password.
_QUOTED = re.compile(r",? with args beginning with:[^\n]*")


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for the process: loggers that were cached at their first use follow whoever configures it later.
_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.add_logger_name,
    *_SHARED,
    structlog.processors.format_exc_info,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def set_up(level: str = "INFO") -> None:
    """Configure structlog and the standard library's logging to share one formatter."""
    structlog.configure(processors=_PROCESSORS, logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True)
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_arguments,
            renderer,
        ],
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [stream]
    root.setLevel(level)
    logging.getLogger("celery.redirected").setLevel("WARNING")
    logging.getLogger("celery.pool").setLevel("INFO")  # at DEBUG it prints whole arguments
    logging.getLogger("amqp").setLevel("WARNING")
    logging.getLogger("kombu").setLevel("WARNING")
    logging.getLogger("urllib3").setLevel("ERROR")  # its warnings quote the URL, and a webhook's may hold a secret
    logging.getLogger("opentelemetry.exporter").setLevel("CRITICAL")  # quotes the URL; ReportingExporter says what matters
    logging.getLogger("opentelemetry.util.re").setLevel("CRITICAL")  # quotes OTEL_EXPORTER_OTLP_HEADERS, which hold a key
    for chatty in ("celery.worker.strategy", "celery.app.trace"):  # two lines a task; our own lines cover every message
        logging.getLogger(chatty).setLevel("WARNING")


def _without_arguments(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Remove command arguments that a server quoted."""
    return {name: _QUOTED.sub("", value) if isinstance(value, str) else value for name, value in line.items()}
