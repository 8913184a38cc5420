"""The `medxfer` command. Exit codes: 0 done, 2 the person can mend it, 1 a fault of medxfer."""

from __future__ import annotations

import sys
import traceback

import click

from medxfer import RESEARCH_USE_ONLY, __version__
from medxfer.cli.activity import activity
from medxfer.cli.app import app
from medxfer.cli.bin import bin_
from medxfer.cli.cache import cache
from medxfer.cli.compare import compare
from medxfer.cli.data import data
from medxfer.cli.decide import decide
from medxfer.cli.evaluate import evaluate
from medxfer.cli.explain import explain
from medxfer.cli.heatmaps import heatmaps
from medxfer.cli.output import say
from medxfer.cli.report import report
from medxfer.cli.runs import runs
from medxfer.cli.train import train
from medxfer.cli.worker import worker
from medxfer.cli.workspace import workspace
from medxfer.errors import MedxferError

MENDABLE = 2
FAULT = 1
INTERRUPTED = 130


@click.group(epilog=RESEARCH_USE_ONLY)
@click.version_option(__version__)
def medxfer() -> None:
    """Transfer learning of ResNets on your own labelled scans."""


for entry in (
    app, data, train, runs, worker, evaluate, decide, compare, report, explain, heatmaps, cache,
    bin_, activity, workspace,
):  # fmt: skip
    medxfer.add_command(entry)


def main() -> None:
    """Run the command and exit."""
    sys.exit(_run())


def _run() -> int:
    try:
        outcome = medxfer(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return MENDABLE
    except MedxferError as error:
        say(f"medxfer: {error}")
        return MENDABLE
    except click.Abort:
        say("medxfer: interrupted.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (the boundary)
        say("".join(traceback.format_exception(error)))
        say("medxfer: this is a fault of medxfer itself. Please report the lines above.")
        return FAULT
    return outcome if isinstance(outcome, int) else 0
