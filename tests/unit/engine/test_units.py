"""Units of work: done once, again when something changed, and the same with any number of workers."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.engine.units import Done, Runner, StageOutcome, Unit
from seasonet_build.errors import DataError, ProductError, SeasonetError
from seasonet_build.storage import write_text, written_file


def write_and_log(folder: Path, key: str, content: str) -> Done:
    """A task: write a file, and note that it was done."""
    with (folder / "log.txt").open("a") as log:
        log.write(f"{key}\n")
    write_text(folder / "out" / key, content)
    return Done([written_file(folder / "out" / key)], {"length": len(content)})


def fail(error: SeasonetError) -> Done:
    raise error


def die() -> Done:
    os._exit(9)


def be_killed() -> Done:
    os.kill(os.getpid(), signal.SIGKILL)
    return Done()


def unit(folder: Path, key: str, content: str = "x", task: Callable[[], Done] | None = None) -> Unit:
    return Unit("stage", key, (content,), task or partial(write_and_log, folder, key, content))


def run(folder: Path, units: Sequence[Unit], workers: int = 1) -> StageOutcome:
    return Runner(ManifestStore(folder / "state", {"workspace": folder}), workers).run(units)


def log_of(folder: Path) -> list[str]:
    return (folder / "log.txt").read_text().split()


def test_a_unit_is_done_once(tmp_path):
    units = [unit(tmp_path, key) for key in ("b", "a")]
    first = run(tmp_path, units)
    again = run(tmp_path, units)
    assert (first.ran, again.ran) == (("b", "a"), ())
    assert list(first.manifests) == list(again.manifests) == ["b", "a"]
    assert first.manifests == again.manifests
    assert log_of(tmp_path) == ["b", "a"]


def test_changed_inputs_are_done_again(tmp_path):
    run(tmp_path, [unit(tmp_path, key) for key in ("a", "b")])
    outcome = run(tmp_path, [unit(tmp_path, "a"), unit(tmp_path, "b", "other")])
    assert outcome.ran == ("b",)
    assert outcome.manifests["b"].result == {"length": 5}
    assert (tmp_path / "out" / "b").read_text() == "other"


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("longer")])
def test_lost_or_changed_outputs_are_made_again(tmp_path, damage):
    units = [unit(tmp_path, key) for key in ("a", "b")]
    run(tmp_path, units)
    damage(tmp_path / "out" / "a")
    assert run(tmp_path, units).ran == ("a",)
    assert (tmp_path / "out" / "a").read_text() == "x"


def test_where_one_input_ends_counts():
    task = partial(fail, DataError(""))
    fingerprints = {Unit("s", "k", inputs, task).fingerprint for inputs in [("ab", "c"), ("a", "bc"), ("abc",)]}
    assert len(fingerprints) == 3
    assert Unit("s", "k", ("a",), task).fingerprint != Unit("t", "k", ("a",), task).fingerprint


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_unit_does_not_stop_the_others_and_is_tried_again(tmp_path, workers):
    broken = unit(tmp_path, "b", task=partial(fail, ProductError("S2A_x", "is cut")))
    outcome = run(tmp_path, [unit(tmp_path, "a"), broken, unit(tmp_path, "c")], workers)
    assert outcome.ran == ("a", "c")
    assert list(outcome.manifests) == ["a", "c"]
    error = outcome.errors["b"]
    assert isinstance(error, ProductError)
    assert (error.product, error.reason, str(error)) == ("S2A_x", "is cut", "S2A_x: is cut")
    assert run(tmp_path, [unit(tmp_path, key) for key in "abc"]).ran == ("b",)


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_come_in_the_order_of_units(tmp_path, workers):
    keys = [f"{i * 7 % 10}" for i in range(10)]
    units = [unit(tmp_path, key, task=partial(fail, DataError(f"no {key}"))) for key in keys]
    outcome = run(tmp_path, units, workers)
    assert list(outcome.errors) == keys
    assert [str(error) for error in outcome.errors.values()] == [f"no {key}" for key in keys]


def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    outcomes = {}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        units = [unit(folder, f"{i}", f"content {i}") for i in range(7)]
        outcomes[workers] = run(folder, units, workers)
        assert sorted(log_of(folder)) == [f"{i}" for i in range(7)]
    manifests = [outcome.manifests for outcome in outcomes.values()]
    assert manifests[0] == manifests[1]
    assert [list(found) for found in manifests] == [[f"{i}" for i in range(7)]] * 2


@pytest.mark.parametrize("task", [die, be_killed])
def test_a_worker_that_dies_is_an_error_that_says_so(tmp_path, task):
    units = [unit(tmp_path, "a", task=task), unit(tmp_path, "b")]
    with pytest.raises(SeasonetError, match=r"a worker process died during stage .*run again"):
        run(tmp_path, units, workers=2)
    # The next run goes on where this one stopped.
    assert run(tmp_path, [unit(tmp_path, key) for key in "ab"]).manifests.keys() == {"a", "b"}


def test_a_worker_that_dies_while_units_are_still_handed_out_is_the_same_error(tmp_path):
    # So many units that handing them out takes longer than the first one lives.
    units = [unit(tmp_path, "a", task=die)] + [unit(tmp_path, f"{i}", task=die) for i in range(40_000)]
    with pytest.raises(SeasonetError, match="a worker process died"):
        run(tmp_path, units, workers=2)


def test_no_units_are_nothing_to_do(tmp_path):
    outcome = run(tmp_path, [], workers=2)
    assert (outcome.manifests, outcome.errors, outcome.ran) == ({}, {}, ())
