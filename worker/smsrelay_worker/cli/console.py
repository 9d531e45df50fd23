"""``smsrelay console``: runs the server of the operator's web page."""

import click

from smsrelay.cli.errors import process_errors, require_free_port
from smsrelay_worker.console.server import serve_console
from smsrelay_worker.settings import ConsoleSettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8090, show_default=True, help="Port to listen on.")
@click.option("--actions", is_flag=True, help="Allow changes: replay, cancel, halt, …; without, the console only shows.")
def console(host: str, port: int, actions: bool) -> None:
    """Serve the operator's web page: the state of the relay, messages, dead letters, findings.

    Who may enter is said by SMSRELAY_CONSOLE_AUTH (user:password), or by SMSRELAY_CONSOLE_USER_HEADER behind a proxy that signs
    people in.
    """
    with process_errors():
        settings = ConsoleSettings()
        require_free_port(host, port)
        serve_console(settings, host, port, actions=actions)
