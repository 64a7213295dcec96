"""Units of work: done once, again when something changed, and the same with any number of workers."""

import errno
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.engine.units import Done, Runner, StageOutcome, Unit
from seasonet_build.engine.workers import Workers
from seasonet_build.errors import DataError, DiskFullError, ProductError, UnitKilledError
from seasonet_build.storage import write_text, written_file


def write_and_log(folder: Path, key: str, content: str) -> Done:
    """A task: write a file, and note that it was done."""
    with (folder / "log.txt").open("a") as log:
        log.write(f"{key}\n")
    write_text(folder / "out" / key, content)
    return Done([written_file(folder / "out" / key)], {"length": len(content)})


def fail(error: Exception) -> Done:
    raise error


def end_once(folder: Path, key: str, end: Callable[[], Done]) -> Done:
    """A task that ends its process when it is first tried."""
    if not (folder / "ended").exists():
        (folder / "ended").touch()
        end()
    return write_and_log(folder, key, "x")


def log_and_end(folder: Path, key: str, end: Callable[[], Done]) -> Done:
    with (folder / "log.txt").open("a") as log:
        log.write(f"{key}\n")
    return end()


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


@pytest.mark.parametrize("end", [die, be_killed])
def test_a_worker_that_dies_once_is_replaced_and_all_is_done(tmp_path, end):
    units = [unit(tmp_path, "b", task=partial(end_once, tmp_path, "b", end)), *(unit(tmp_path, key) for key in "acde")]
    outcome = run(tmp_path, units, workers=2)
    assert outcome.errors == {}
    assert list(outcome.manifests) == ["b", "a", "c", "d", "e"]
    assert {key: (tmp_path / "out" / key).read_text() for key in "abcde"} == dict.fromkeys("abcde", "x")
    # No more was done twice than was being done at that moment.
    assert len(log_of(tmp_path)) <= 6


@pytest.mark.parametrize("end", [die, be_killed])
def test_a_unit_that_kills_its_worker_three_times_is_left_and_all_others_are_done(tmp_path, end):
    units = [unit(tmp_path, "b", task=partial(log_and_end, tmp_path, "b", end)), *(unit(tmp_path, k) for k in "acde")]
    outcome = run(tmp_path, units, workers=2)
    assert list(outcome.errors) == ["b"]
    assert isinstance(outcome.errors["b"], UnitKilledError)
    assert str(outcome.errors["b"]).startswith("b: its process was killed 3 times (out of memory?); ")
    assert list(outcome.manifests) == ["a", "c", "d", "e"]
    assert log_of(tmp_path).count("b") == 3
    # The next run tries it again.
    assert run(tmp_path, [unit(tmp_path, key) for key in "abcde"]).ran == ("b",)


def test_many_units_that_kill_their_workers_are_left_each(tmp_path):
    units = [unit(tmp_path, f"{i}", task=die if i < 3 else None) for i in range(6)]
    outcome = run(tmp_path, units, workers=2)
    assert list(outcome.errors) == ["0", "1", "2"]
    assert list(outcome.manifests) == ["3", "4", "5"]


def test_whoever_carries_out_jobs_may_be_another_executor():
    made = []

    def threads(number: int) -> Executor:
        made.append(number)
        return ThreadPoolExecutor(number)

    workers: Workers[int] = Workers(3, threads)
    jobs = {f"{i}": partial(int, f"{i}") for i in range(20)}
    assert {key: future.result() for key, future in workers.carry_out(jobs)} == {f"{i}": i for i in range(20)}
    assert made == [3]


def test_a_full_disk_stops_the_stage(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    units = [unit(tmp_path, "a"), unit(tmp_path, "b", task=partial(fail, full)), unit(tmp_path, "c")]
    with pytest.raises(DiskFullError, match="stage b: the disk is full"):
        run(tmp_path, units)
    assert log_of(tmp_path) == ["a"]
    assert run(tmp_path, [unit(tmp_path, key) for key in "abc"]).ran == ("b", "c")


def test_an_error_of_the_system_is_that_of_its_unit(tmp_path):
    broken = OSError(errno.EIO, "Input/output error", "/data/a.jp2")
    units = [unit(tmp_path, "a", task=partial(fail, broken)), unit(tmp_path, "b")]
    outcome = run(tmp_path, units)
    assert outcome.ran == ("b",)
    assert "stage a: [Errno 5] Input/output error: '/data/a.jp2'" in str(outcome.errors["a"])


def test_a_unit_is_done_again_where_what_its_outputs_stand_for_is_gone(tmp_path):
    def units(stands: bool) -> list[Unit]:
        return [replace(unit(tmp_path, "a"), stands=lambda: stands)]

    assert run(tmp_path, units(True)).ran == ("a",)
    assert run(tmp_path, units(True)).ran == ()
    assert run(tmp_path, units(False)).ran == ("a",)


def test_what_is_raised_before_units_begin_stops_them(tmp_path):
    run(tmp_path, [unit(tmp_path, "a")])
    seen: list[str] = []

    def refuse(to_do: Sequence[Unit]) -> None:
        seen.extend(each.key for each in to_do)
        raise DiskFullError("no room")

    store = ManifestStore(tmp_path / "state", {"workspace": tmp_path})
    with pytest.raises(DiskFullError):
        Runner(store, 1).run([unit(tmp_path, "a"), unit(tmp_path, "b")], refuse)
    assert seen == ["b"]
    assert run(tmp_path, [unit(tmp_path, key) for key in "ab"]).ran == ("b",)


def test_no_units_are_nothing_to_do(tmp_path):
    outcome = run(tmp_path, [], workers=2)
    assert (outcome.manifests, outcome.errors, outcome.ran) == ({}, {}, ())
