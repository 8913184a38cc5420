"""A list of runs reads what has ended from the index, whatever it ended with."""

import pytest

from benchmarks import listing
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.store import list_runs


@pytest.mark.parametrize("paused", [False, True])
def test_the_events_of_a_run_that_stands_still_are_read_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, paused: bool
) -> None:
    monkeypatch.setattr(listing, "STANDING", 1 if paused else 99)
    listing.fill(workspace, 3, 4)
    before = list_runs(workspace)
    with monkeypatch.context() as again:
        again.setattr(journal, "read", lambda *_, **__: pytest.fail("read again"))
        assert list_runs(workspace) == before
    path = workspace.run(before[0].run).events
    journal.append(path, listing.events(1, paused=False)[0])
    assert list_runs(workspace)[0] != before[0]


def test_a_list_skips_the_steps_within_epochs_but_for_the_last(workspace: Workspace) -> None:
    path = workspace.root / "events.jsonl"
    told = listing.events(2, paused=True)
    for event in told[:-2]:
        journal.append(path, event)
    kinds = [event.kind for event in journal.read(path, progress=False)[0]]
    assert kinds == ["started", "phase_started", "epoch_finished", "progress"]
    assert len(journal.read(path)[0]) == len(told) - 2
    assert journal.read(path, progress=False)[1] == path.stat().st_size


@pytest.mark.long
def test_a_thousand_runs_are_listed_within_a_second(workspace: Workspace) -> None:
    listing.fill(workspace, listing.RUNS, listing.EPOCHS)
    assert len(list_runs(workspace)) == listing.RUNS
    _, cpu = listing.measured(lambda: listing.as_page(workspace))  # the first one imports
    _, cpu = listing.measured(lambda: listing.as_page(workspace))
    assert cpu < 0.5  # of CPU; the wall depends on what else the machine does
