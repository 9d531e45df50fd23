"""``smsrelay probe``: whether this host's workers are alive. ``main`` runs it without Click, for it may run every few seconds."""

import click

from smsrelay_worker.processes.probe import main


@click.command()
@click.option("--ready", is_flag=True, help="Also require that every process consumes its queues from the broker.")
def probe(ready: bool) -> None:
    """Tell whether the workers on this host are alive.

    For health checks of containers: exits with 0 if every process of every worker of this user has a heartbeat, else with 1. Asks
    no server.
    """
    raise SystemExit(main(ready=ready))
