"""Commands: where each is defined, and the extra that brings what it runs on. A new command is a new line here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """``name`` in ``module`` is a click command."""

    module: str
    name: str
    extra: str = "cli"


COMMANDS = {
    "send": Command("smsrelay.cli.send", "send"),
    "bulk": Command("smsrelay.cli.bulk", "bulk"),
    "show": Command("smsrelay_worker.cli.messages", "show"),
    "why": Command("smsrelay_worker.cli.messages", "why"),
    "find": Command("smsrelay_worker.cli.recipients.find", "find"),
    "cancel": Command("smsrelay_worker.cli.messages", "cancel"),
    "status": Command("smsrelay_worker.cli.status", "status"),
    "suppress": Command("smsrelay_worker.cli.recipients.suppress", "suppress"),
    "rate": Command("smsrelay_worker.cli.traffic.rate", "rate"),
    "halt": Command("smsrelay_worker.cli.traffic.halt", "halt"),
    "resume": Command("smsrelay_worker.cli.traffic.halt", "resume"),
    "campaign": Command("smsrelay_worker.cli.traffic.campaign", "campaign"),
    "waiting": Command("smsrelay_worker.cli.traffic.waiting", "waiting"),
    "webhook": Command("smsrelay_worker.cli.webhook", "webhook"),
    "metrics": Command("smsrelay_worker.cli.metrics", "metrics"),
    "dead": Command("smsrelay_worker.cli.dead", "dead"),
    "audit": Command("smsrelay_worker.cli.audit", "audit"),
    "export": Command("smsrelay_worker.cli.export", "export"),
    "forget": Command("smsrelay_worker.cli.recipients.forget", "forget"),
    "doctor": Command("smsrelay_worker.cli.doctor", "doctor"),
    "key": Command("smsrelay_worker.cli.key", "key"),
    "policy": Command("smsrelay_worker.cli.policy", "policy"),
    "limits": Command("smsrelay_worker.cli.traffic.limits", "limits"),
    "settings": Command("smsrelay_worker.cli.settings", "settings"),
    "probe": Command("smsrelay_worker.cli.probe", "probe", "worker"),
    "worker": Command("smsrelay_worker.cli.processes", "worker", "worker"),
    "receiver": Command("smsrelay.cli.receiver", "receiver", "receiver"),
    "api": Command("smsrelay_worker.cli.api", "api", "api"),
    "console": Command("smsrelay_worker.cli.console", "console", "console"),
    "flower": Command("smsrelay_worker.cli.processes", "flower", "flower"),
    "simulator": Command("smsrelay_worker.cli.processes", "simulator", "receiver"),
    "up": Command("smsrelay_worker.local.up", "up", "local"),
    "demo": Command("smsrelay_worker.local.demo", "demo", "local"),
    "schema": Command("smsrelay.cli.schema", "schema"),
}
