"""What an app gives to put a number on a suppression list, checked: the number, and the sender that it wants no marketing of."""

from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.suppression import app_list, lists_of_sender, signature_list


def checked_number(number: str) -> str:
    """The number in E.164; raises ``Rejection``, which does not quote it."""
    try:
        return e164(number)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("number", reason)


def checked_list(app: str, signature: str | None) -> str:
    """The list of a signature, or of the app without one; raises ``Rejection``."""
    try:
        return app_list(app) if signature is None else signature_list(signature)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("app" if signature is None else "signature", reason)


def checked_lists(app: str, signature: str | None) -> tuple[str, ...]:
    """Every list on which a number gets no marketing of the app under the signature; raises ``Rejection``."""
    named = signature and checked_list(app, signature).partition(":")[2]
    checked_list(app, None)
    return lists_of_sender(app, named)
