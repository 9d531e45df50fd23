"""How a command's user names one campaign: by its name, and by its app where several apps have a campaign of that name."""

import click

from smsrelay.cli.errors import InvalidInput
from smsrelay_worker.operations.wiring import Operations

NO_SUCH_CAMPAIGN = "no such campaign; one is forgotten 41 days after its last message"
_MOST_SHOWN = 10


def named_campaign(operations: Operations, name: str, app: str) -> str:
    """APP/NAME of the campaign; ``app`` may be empty. Raises ``InvalidInput``, ``click.ClickException``, ``StoreUnavailable``."""
    found = operations.campaigns.names(app=app, name=name, limit=_MOST_SHOWN)
    if not found:
        raise click.ClickException(NO_SUCH_CAMPAIGN)
    if len(found) > 1:
        apps = ", ".join(one.partition("/")[0] for one in found)
        raise InvalidInput(f"the apps {apps} have a campaign of this name; say --app")
    return found[0]
