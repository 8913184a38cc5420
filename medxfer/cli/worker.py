"""`medxfer worker`: carry out the queue in the foreground."""

from __future__ import annotations

import click

from medxfer.cli.output import Session, command, say
from medxfer.executors.supervisor import stop_flag, supervise


@click.command()
@command
def worker(session: Session) -> None:
    """Start waiting runs, one a device, until Ctrl-C; runs under way then go on by themselves.

    The app and `medxfer runs resume` start such a process when one is needed. There is one for a
    workspace.
    """
    say(f"The queue of {session.workspace.root} is looked after. Ctrl-C ends this; runs go on.")
    running = supervise(session.workspace, stop_flag())
    text = (
        f"Ended. Still running: {', '.join(running)}. What waits begins when a worker runs again."
        if running
        else "Ended. No run is under way."
    )
    session.answer({"running": running}, text)
