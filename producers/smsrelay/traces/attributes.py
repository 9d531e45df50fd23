"""Attributes of our spans: OpenTelemetry's names for messaging where there is one, ours where there is none. Pure.

None of them holds a number, a parameter, a reference or a tag.
"""

from smsrelay.contract.lanes import Lane

SYSTEM = "messaging.system"
OPERATION_NAME = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
MESSAGE_ID = "messaging.message.id"
ERROR_TYPE = "error.type"
LANE = "smsrelay.lane"
TEMPLATE = "smsrelay.template"
APP = "smsrelay.app"
TEST = "smsrelay.test"
NEW = "smsrelay.new"  # the enqueuing recorded the message; false: its reference was accepted before
ATTEMPT = "smsrelay.attempt"
STATE = "smsrelay.state"  # into which it brought the message
CODE = "smsrelay.vendor.code"

Attributes = dict[str, str | bool | int]


def operation(name: str, kind: str, destination: str, message_id: str) -> Attributes:
    """What is done with a message, where."""
    return {
        SYSTEM: "smsrelay",
        OPERATION_NAME: name,
        OPERATION_TYPE: kind,
        DESTINATION: destination,
        MESSAGE_ID: message_id,
    }


def of_message(lane: Lane, template: str, app: str, *, test: bool) -> Attributes:
    """What never changes of a message."""
    attributes: Attributes = {LANE: lane.value, TEMPLATE: template, APP: app}
    return attributes | {TEST: True} if test else attributes
