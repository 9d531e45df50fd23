"""Suppressing: which list a number joins when the vendor reports that its owner blocks us. Pure."""

from dataclasses import dataclass, replace

from smsrelay.contract.suppression import list_of_report
from smsrelay.contract.template import Registry
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay_worker.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Suppressing:
    """``registry``: says the signature of a template. ``key_name``: of the key that makes digests of numbers now.

    A message that was accepted before the key was replaced has its digest by the older key, and its entry names the newer one.
    """

    registry: Registry
    key_name: str

    def of(self, record: Record, transition: Transition, policy: Policy) -> Transition:
        """The transition of a report, which also suppresses the number if the row of its code says so.

        The row counts whatever else the report changes: a report that comes late, or on an earlier attempt, says the same of the
        number. A test message has no recipient who could block anything.
        """
        rule = policy.for_status(transition.code)
        if rule is None or not rule.suppress or record.test:
            return transition
        template = self.registry.get(record.template)
        name = list_of_report(record.app, template.signature if template else None)
        return replace(transition, suppress=name, suppress_key=self.key_name)
