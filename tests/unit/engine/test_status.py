"""How a build stands: what is done, to do and failed, who is at work, and how the last run ended."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.config import BuildConfig, load_config
from seasonet_build.engine.agenda import Agenda
from seasonet_build.engine.holder import this_process, write_record
from seasonet_build.engine.last_run import LastRun, noted, read_last_run
from seasonet_build.engine.lock import locked
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.status import StageStatus, read_status
from seasonet_build.errors import (
    ConfigError,
    DataError,
    DiskFullError,
    ExitCode,
    ProductError,
    SeasonetError,
    WorkspaceLockedError,
)
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.model.seasons import Season
from seasonet_build.sources.scenes import SetAside
from seasonet_build.stages.product_lock import Group, Key, Locked, ProductLock, write_lock
from seasonet_build.storage import write_text
from seasonet_build.transfer.ledger import Ledger
from tests.bad_input.command_line import Run, command_line
from tests.unit.helpers import modest

CONFIG = """\
[dataset]
name = "small"
[paths]
workspace = "work"
[products]
folders = ["products"]
[labels]
source = "map.gpkg"
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    (tmp_path / "build.toml").write_text(CONFIG)
    return tmp_path / "build.toml"


@pytest.fixture
def config(config_file: Path) -> BuildConfig:
    return load_config(config_file).config


@pytest.fixture
def workspace(config: BuildConfig) -> WorkspaceLayout:
    return WorkspaceLayout(config.workspace)


def agenda(workspace: WorkspaceLayout, stage: str) -> Agenda:
    return Agenda(workspace.state, stage)


def do(workspace: WorkspaceLayout, stage: str, **units: str) -> None:
    """Write the manifests of units: fingerprints by key."""
    store = ManifestStore(workspace.state, {"workspace": workspace.root})
    for key, fingerprint in units.items():
        store.write(Manifest(stage, key, fingerprint, (), {}))


def status(config_file: Path, *options: str) -> Run:
    return command_line().run("status", config_file, *options, cwd=config_file.parent)


def as_json(config_file: Path) -> dict[str, Any]:
    run = status(config_file, "--json")
    assert run.stderr == ""
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def rows(text: str) -> dict[str, list[int]]:
    """The table of stages in what ``status`` prints."""
    lines = text.partition("stage")[2].splitlines()[1:]
    table = [line.split() for line in lines if len(line.split()) == 4 and line.split()[1].isdigit()]
    return {name: list(map(int, numbers)) for name, *numbers in table}


@pytest.fixture
def half(workspace: WorkspaceLayout) -> WorkspaceLayout:
    """A build with units that are done, to do, and failed."""
    agenda(workspace, "inspect").begin({"p": "1"})
    do(workspace, "inspect", p="1")
    agenda(workspace, "observe").begin({"a": "1", "b": "2", "c": "3", "d": "4"})
    # The record of c is of another state of its inputs; e belongs to the build no more.
    do(workspace, "observe", a="1", c="2", e="1")
    agenda(workspace, "observe").note_failures({"d": "d: the band B02 is damaged"})
    return workspace


HALF = {"inspect": (1, 0, 0), "observe": (1, 2, 1)}


# ------------------------------------------------------------------------------------------------------------ stages


def test_units_are_done_to_do_or_failed(half, config):
    stages = read_status(config).stages
    assert stages["inspect"] == StageStatus(1, 0, {})
    assert stages["observe"] == StageStatus(1, 2, {"d": "d: the band B02 is damaged"})
    others = ("index", "label", "locate", "screen", "select", "cut", "describe", "split", "publish")
    assert {name: stage for name, stage in stages.items() if name not in HALF} == dict.fromkeys(
        others, StageStatus(0, 0)
    )


def test_a_unit_that_failed_and_is_done_now_has_not_failed(half, config):
    do(half, "observe", d="4")
    assert read_status(config).stages["observe"] == StageStatus(2, 2, {})
    agenda(half, "observe").note_failures({})
    do(half, "observe", b="2", c="3")
    assert read_status(config).stages["observe"] == StageStatus(4, 0, {})


def test_failures_are_forgotten_when_a_unit_changes_or_goes(half, config):
    observe = agenda(half, "observe")
    observe.note_failures({"b": "b failed", "c": "c failed", "d": "d failed"})
    observe.begin({"a": "1", "b": "2", "c": "another", "x": "5"})
    assert read_status(config).stages["observe"] == StageStatus(1, 2, {"b": "b failed"})


def test_the_agenda_is_not_written_again_where_nothing_is_new(half):
    file = half.state / "agenda" / "observe.json"
    before = file.stat()
    observe = agenda(half, "observe")
    observe.begin({"d": "4", "c": "3", "b": "2", "a": "1"})
    observe.note_failures({"d": "d: the band B02 is damaged"})
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


PRODUCTS = [f"S2A_MSIL2A_20180418T10402{i}_N0207_R008_T32UNA_20180418T125356" for i in range(3)]


def test_products_to_fetch_are_told_if_some_were_chosen(config, workspace):
    assert "fetch" not in read_status(config).stages
    group = Group("0" * 12, tuple(Locked(name, 1.0, None) for name in PRODUCTS))
    write_lock(ProductLock("folder", {Key("32UNA", Season.SPRING): group}), workspace.product_lock)
    assert read_status(config).stages["fetch"] == StageStatus(0, 3)
    ledger = Ledger(workspace.state / "fetch", config.download_folder)
    write_text(config.download_folder / PRODUCTS[0] / "file", "x")
    ledger.record(PRODUCTS[0], [f"{PRODUCTS[0]}/file"])
    ledger.record_unwanted(PRODUCTS[2], "digest")
    assert read_status(config).stages["fetch"] == StageStatus(2, 1)
    assert next(iter(read_status(config).stages)) == "fetch"
    (config.download_folder / PRODUCTS[0] / "file").unlink()
    assert read_status(config).stages["fetch"] == StageStatus(1, 2)


def test_a_damaged_choice_of_products_is_named(config_file, workspace):
    write_text(workspace.product_lock, "nonsense\n")
    run = status(config_file)
    assert (run.code, run.stdout) == (1, "")
    assert run.stderr.startswith(f"error: {workspace.product_lock}, line 1: ")


# ------------------------------------------------------------------------------------------------------- the command


def test_a_build_that_has_not_begun(config_file, workspace):
    run = status(config_file)
    assert (run.code, run.stderr) == (0, "")
    assert run.stdout.startswith("small: no run has ended here yet\n")
    assert set(map(tuple, rows(run.stdout).values())) == {(0, 0, 0)}
    assert not workspace.root.exists()


def test_stages_are_printed_with_the_reasons_of_failures(config_file, half):
    run = status(config_file)
    assert (run.code, run.stderr) == (3, "")
    found = rows(run.stdout)
    assert next(iter(found)) == "inspect"
    assert {name: tuple(numbers) for name, numbers in found.items() if any(numbers)} == HALF
    assert run.stdout.endswith("\nfailed: observe d: d: the band B02 is damaged\n")


def test_the_same_as_json(config_file, half):
    with noted(half.last_run) as last:
        last.samples = 4
    assert status(config_file, "--json").code == 3
    found = as_json(config_file)
    assert set(found) == {"dataset", "running", "killed", "last_run", "stages"}
    assert (found["dataset"], found["running"], found["killed"]) == ("small", None, None)
    assert found["stages"]["observe"] == {"done": 1, "to_do": 2, "failed": {"d": "d: the band B02 is damaged"}}
    assert set(found["last_run"]) == {"exit_code", "ended", "error", "samples", "set_aside"}
    assert (found["last_run"]["exit_code"], found["last_run"]["samples"]) == (0, 4)


def test_who_is_at_work_is_told(config_file, workspace):
    with locked(workspace.root):
        holder = this_process()
        found = as_json(config_file)["running"]
        assert set(found) == {"pid", "host", "started", "command"}
        assert (found["pid"], found["host"]) == (holder.pid, holder.host)
        run = status(config_file)
        assert run.code == 0
        assert run.stdout.startswith(f"At work: pid {holder.pid} on host {holder.host} since {found['started']} (")
    assert as_json(config_file)["running"] is None
    assert "At work" not in status(config_file).stdout


def test_a_run_that_was_killed_is_told_and_not_at_work(config_file, workspace):
    assert status(config_file).code == 0
    with locked(workspace.root):
        (record,) = (path for path in workspace.root.iterdir() if path.suffix == ".json")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed = replace(this_process(), pid=ended.pid, command="seasonet-build run x.toml")
    write_record(killed, record)
    found = as_json(config_file)
    assert found["running"] is None
    assert (found["killed"]["pid"], found["killed"]["command"]) == (ended.pid, "seasonet-build run x.toml")
    run = status(config_file)
    assert (run.code, run.stderr) == (3, "")
    assert "At work" not in run.stdout
    assert f"Killed before it ended: {killed} (seasonet-build run x.toml)\n" in run.stdout
    # Until the next one begins.
    with locked(workspace.root):
        assert as_json(config_file)["killed"] is None
    assert status(config_file).code == 0


def run_that_ends(workspace: WorkspaceLayout, error: BaseException) -> None:
    with pytest.raises(type(error)), noted(workspace.last_run):
        raise error


def test_the_error_of_the_last_run_is_told(config_file, workspace):
    run_that_ends(workspace, DataError("map.gpkg: cannot be read"))
    run = status(config_file)
    assert (run.code, run.stderr) == (3, "")
    assert ", exit code 1: map.gpkg: cannot be read\n" in run.stdout.splitlines(keepends=True)[0]
    assert as_json(config_file)["last_run"]["error"] == "map.gpkg: cannot be read"


def test_an_interrupted_run_is_told(config_file, workspace):
    run_that_ends(workspace, KeyboardInterrupt())
    run = status(config_file)
    assert run.code == 3
    assert ", exit code 130: interrupted\n" in run.stdout
    assert as_json(config_file)["last_run"]["exit_code"] == 130


def test_products_that_were_set_aside_are_told(config_file, workspace):
    aside = [
        SetAside(product="B", reason="the band B02 is damaged", damaged=True),
        SetAside(product="A", reason="is no product", damaged=True),
        SetAside(product="C", reason="is not the best scene of any patch"),
    ]
    with noted(workspace.last_run) as last:
        last.take(RunReport("small", samples={"spring": {1: 2, 2: 3}, "snow": {1: 4, 2: 0}}, set_aside=aside))
    run = status(config_file)
    assert run.code == 3
    assert run.stdout.startswith("small: 9 samples; last change ")
    assert run.stdout.endswith("\n2 damaged products set aside\n  A: is no product\n  B: the band B02 is damaged\n")
    assert as_json(config_file)["last_run"]["set_aside"] == {"A": "is no product", "B": "the band B02 is damaged"}


def test_a_build_that_is_well_ends_with_0(config_file, half):
    agenda(half, "observe").note_failures({})
    with noted(half.last_run) as last:
        last.take(RunReport("small", samples={"spring": {1: 2, 2: 3}}))
    run = status(config_file)
    assert run.code == 0
    assert run.stdout.startswith("small: 5 samples; last change 2")
    assert run.stdout.splitlines()[0].endswith("Z, exit code 0")


def marks(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_nothing_is_changed(config_file, half):
    run_that_ends(half, DataError("x"))
    with locked(half.root):
        before = marks(config_file.parent)
        status(config_file)
        status(config_file, "--json", "-vv")
        assert marks(config_file.parent) == before


GARBAGE = [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b"7", bytes(50)]


@pytest.mark.parametrize("data", [*GARBAGE, b'{"units": 1, "failed": {}}', b'{"units": {"a": "1"}, "failed": [1]}'])
def test_a_damaged_agenda_counts_as_none(half, config, data):
    (half.state / "agenda" / "observe.json").write_bytes(data)
    assert read_status(config).stages["observe"] == StageStatus(0, 0, {})
    # And the next run writes it anew.
    agenda(half, "observe").begin({"a": "1", "b": "2"})
    assert read_status(config).stages["observe"] == StageStatus(1, 1, {})


@pytest.mark.parametrize("data", GARBAGE)
def test_a_damaged_record_of_a_unit_counts_as_none(half, config, data):
    (half.state / "observe" / "a.json").write_bytes(data)
    assert read_status(config).stages["observe"] == StageStatus(0, 3, {"d": "d: the band B02 is damaged"})


@pytest.mark.parametrize("data", GARBAGE)
def test_a_damaged_note_of_the_last_run_counts_as_none(config, workspace, data):
    workspace.state.mkdir(parents=True)
    workspace.last_run.write_bytes(data)
    assert read_status(config).last_run is None
    run_that_ends(workspace, DataError("x"))
    assert read_last_run(workspace.last_run) is not None


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@modest
@given(st.sampled_from(["exit_code", "ended", "error", "samples", "set_aside"]), odd)
def test_a_note_with_an_odd_entry_is_read_or_counts_as_none(tmp_path_factory, key, value):
    file = tmp_path_factory.mktemp("run") / "run.json"
    note = {"exit_code": 3, "ended": "2026", "error": "e", "samples": 5, "set_aside": {"A": "x"}}
    file.write_text(json.dumps({**note, key: value}))
    found = read_last_run(file)
    assert found is None or isinstance(found, LastRun)


@pytest.mark.parametrize("key", ["exit_code", "samples"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), "x", None])
def test_a_note_with_a_number_that_is_none_counts_as_none(tmp_path, key, value):
    note = {"exit_code": 3, "ended": "2026", "error": "e", "samples": 5, "set_aside": {}}
    (tmp_path / "run.json").write_text(json.dumps({**note, key: value}))
    assert read_last_run(tmp_path / "run.json") is None


# ---------------------------------------------------------------------------------------------- how a run ended


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (SeasonetError("what is wrong"), 1, "what is wrong"),
        (DataError("what is wrong"), 1, "what is wrong"),
        (ProductError("S2A", "is damaged"), 1, "S2A: is damaged"),
        (DiskFullError("the disk is full"), 1, "the disk is full"),
        (ConfigError("what is wrong"), 2, "what is wrong"),
        (WorkspaceLockedError("another run"), 11, "another run"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("by nought"), 1, "ZeroDivisionError: by nought"),
        (OSError(5, "Input/output error", "/x"), 1, "OSError: [Errno 5] Input/output error: '/x'"),
    ],
)
def test_how_a_run_ended_is_noted(workspace, error, code, text):
    with noted(workspace.last_run) as last:
        last.take(RunReport("small", samples={"spring": {1: 2, 2: 3}}))
    run_that_ends(workspace, error)
    found = read_last_run(workspace.last_run)
    assert found is not None
    # The samples are still those of the run before.
    assert (found.exit_code, found.error, found.samples, found.set_aside) == (code, text, 5, {})
    assert len(found.ended) == len("2026-01-01T00:00:00Z")


def test_a_run_that_ends_well_takes_the_error_back(workspace):
    run_that_ends(workspace, DataError("x"))
    with noted(workspace.last_run) as last:
        last.take(RunReport("small"))
    found = read_last_run(workspace.last_run)
    assert found is not None
    assert (found.exit_code, found.error) == (ExitCode.OK, "")


@pytest.mark.parametrize("error", [None, DataError("x"), KeyboardInterrupt()])
def test_a_run_that_ends_as_the_last_one_did_leaves_the_note_as_it_is(workspace, error):
    aside = [SetAside(product="A", reason="is no product", damaged=True)]
    seen = []
    for _ in range(3):
        if error is not None:
            run_that_ends(workspace, error)
        else:
            with noted(workspace.last_run) as last:
                last.take(RunReport("small", samples={"spring": {1: 2, 2: 3}}, set_aside=aside))
        stat = workspace.last_run.stat()
        seen.append((stat.st_ino, stat.st_mtime_ns))
    assert len(set(seen)) == 1
    if error is None:
        with noted(workspace.last_run) as last:
            last.take(RunReport("small", samples={"spring": {1: 2, 2: 4}}, set_aside=aside))
        assert (found := read_last_run(workspace.last_run)) is not None
        assert found.samples == 6


def test_a_note_that_cannot_be_written_does_not_hide_how_the_run_ended(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with noted(tmp_path / "file" / "run.json") as last:
        last.samples = 1
    with pytest.raises(DataError, match="what is wrong"), noted(tmp_path / "file" / "run.json"):
        raise DataError("what is wrong")
