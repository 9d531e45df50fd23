"""The sender of whom a number wants no marketing, as an app names it, checked."""

from smsrelay.contract.rejection import Rejection
from smsrelay.contract.suppression import app_list, lists_of_sender, signature_list


def checked_list(app: str, signature: str | None) -> str:
    """The list of a signature, or of the app without one; raises ``Rejection``."""
    try:
        return app_list(app) if signature is None else signature_list(signature)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("app" if signature is None else "signature", reason)


def checked_lists(app: str, signature: str | None) -> tuple[str, ...]:
    """Every list on which a number gets no marketing of the app under the signature; raises ``Rejection``."""
    named = None if signature is None else checked_list(app, signature).partition(":")[2]
    checked_list(app, None)
    return lists_of_sender(app, named)
