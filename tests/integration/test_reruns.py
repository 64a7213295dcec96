"""What a second run does: nothing, or only what is needed; and what an interrupted one leaves behind.

All on the demonstration. Tests that change something work on a copy of its workspace and read the same inputs.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from seasonet_build.config import load_config
from seasonet_build.engine.build import Build
from seasonet_build.engine.manifests import Manifest, ManifestStore
from tests.integration.support import (
    REPOSITORY,
    Built,
    arguments,
    contents,
    differing,
    environment,
    files,
    seasonet,
    times,
    without_inputs,
)

pytestmark = pytest.mark.xdist_group("demo")


@dataclass(frozen=True)
class Workspace:
    """A workspace that is built from the demonstration's inputs."""

    path: Path
    inputs: Path

    @property
    def dataset(self) -> Path:
        return self.path / "dataset"

    @property
    def environment(self) -> dict[str, str]:
        return {"SEASONET_DEMO": str(self.inputs.parent)}

    def arguments(self, *more: object, workers: int) -> tuple[object, ...]:
        config = REPOSITORY / "configs" / "demo.toml"
        return ("run", config, "--set", f"paths.workspace={self.path}", "--workers", workers, *more)

    def run(self, *more: object, workers: int = 1) -> "subprocess.CompletedProcess[str]":
        return seasonet(*self.arguments(*more, workers=workers), env=self.environment)

    def report(self, *more: object, workers: int = 1) -> dict[str, Any]:
        """Run and return what the run says it did."""
        run = self.run(*more, "--json", workers=workers)
        assert run.returncode == 0, run.stderr
        report: dict[str, Any] = json.loads(run.stdout)
        return report


@pytest.fixture
def copy(demo_build: Built, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the finished workspace, files as old as they were."""
    workspace = Workspace(tmp_path / "copy", demo_build.workspace / "inputs")
    shutil.copytree(demo_build.workspace, workspace.path, ignore=shutil.ignore_patterns("inputs", "demo.png", ".lock"))
    yield workspace
    shutil.rmtree(workspace.path)


def stages_done(report: dict[str, Any]) -> set[str]:
    return {stage for stage, counts in report["stages"].items() if counts["done"]}


def patches(workspace: Path) -> dict[str, str]:
    """Check sums of all patch files, by path in the dataset."""
    return {name: digest for name, digest in contents(workspace / "dataset").items() if name.endswith(".tif")}


def test_a_second_run_does_nothing_and_says_so(demo_build):
    workspace = Workspace(demo_build.workspace, demo_build.workspace / "inputs")
    before = contents(workspace.path), times(workspace.path)
    said = workspace.run()
    report = workspace.report()
    assert said.returncode == 0
    assert "Nothing to do" in said.stdout
    assert report["changed"] is False
    assert stages_done(report) == set()
    for key in ("locations", "samples", "splits", "products_used", "set_aside"):
        assert report[key] == demo_build.report[key]
    assert (contents(workspace.path), times(workspace.path)) == before


def test_what_is_gone_or_cut_off_comes_back_and_strays_go(copy):
    """Readers list the grid folders: what lies in there belongs to the dataset."""
    before, written = contents(copy.dataset), times(copy.dataset)
    first, *_, last = sorted(patches(copy.path))
    gone, cut_off = copy.dataset / first, copy.dataset / last
    gone.unlink()
    os.truncate(cut_off, 100)
    shutil.rmtree(cut_off.parent.parent / sorted(path.name for path in cut_off.parent.parent.iterdir())[0])
    stray = copy.dataset / "spring" / "grid1" / "32UNA_20180101T000000_50_000000_10_000000"
    stray.mkdir()
    (stray / "left_over.tif").write_bytes(b"old")

    report = copy.report()

    assert contents(copy.dataset) == before
    assert not stray.exists()
    assert report["removed"] == 1
    assert stages_done(report) == {"cut"}
    # Only those patches were cut again.
    rewritten = {name.rpartition("/")[0] for name in differing(written, times(copy.dataset))}
    assert {first.rpartition("/")[0], last.rpartition("/")[0]} <= rewritten
    assert len(rewritten) <= 3


def test_a_stray_file_in_a_grid_folder_does_not_stop_a_run(copy):
    """File managers leave such files (.DS_Store, Thumbs.db) where somebody looked."""
    before = patches(copy.path)
    (copy.dataset / "spring" / "grid1" / ".DS_Store").write_bytes(b"looked at")
    run = copy.run()
    assert run.returncode == 0, run.stderr
    assert patches(copy.path) == before


def scene_of(patch_file: str) -> tuple[str, str]:
    """Tile and datatake in a patch's name."""
    tile, start, *_ = patch_file.rpartition("/")[2].split("_")
    return tile, start


def test_an_input_that_was_only_touched_is_looked_at_again_and_nothing_is_redone(demo_build, tmp_path):
    workspace = Workspace(tmp_path / "work", tmp_path / "own" / "inputs")
    shutil.copytree(demo_build.workspace / "inputs", workspace.inputs, ignore=all_but_two_products)
    workspace.report()
    before = contents(workspace.dataset), times(workspace.dataset)
    touched = [
        next((workspace.inputs / "products").rglob("*_B02_10m.jp2")),
        next((workspace.inputs / "products").glob("*.zip")),
        next((workspace.inputs / "landcover").rglob("*.shp")),
        next((workspace.inputs / "regions").glob("*.csv")),
    ]
    for path in touched:
        os.utime(path)
    report = workspace.report()
    assert stages_done(report) == {"inspect", "source"}
    assert report["stages"]["inspect"]["done"] + report["stages"]["source"]["done"] == len(touched)
    assert (contents(workspace.dataset), times(workspace.dataset)) == before
    shutil.rmtree(workspace.inputs)


def all_but_two_products(folder: str, names: list[str]) -> set[str]:
    """What to leave out of a copy of the inputs: all products but those of 2018-10-12, a folder and an archive."""
    return {name for name in names if Path(folder).name == "products" and "_MSIL2A_20181012T" not in name}


def test_another_seed_only_deals_the_samples_anew(copy):
    before, written = contents(copy.dataset), times(copy.dataset)
    report = copy.report("--set", "split.seed=7")
    assert stages_done(report) == {"split", "publish"}
    splits = {f"splits/{split}.csv" for split in ("train", "val", "test")}
    files = splits | {f"splits/{name}" for name in ("report.json", "classes.png", "sides.parquet")} | {"SHA256SUMS"}
    assert set(differing(before, contents(copy.dataset))) == files
    assert set(differing(written, times(copy.dataset))) == files
    indices = [pd.read_csv(copy.dataset / name, header=None)[0] for name in splits]
    assert sorted(pd.concat(indices)) == list(range(len(pd.read_csv(copy.dataset / "meta.csv"))))


def test_another_limit_changes_what_depends_on_it_and_can_be_taken_back(copy):
    before, written = contents(copy.dataset), times(copy.dataset)
    old = pd.read_csv(copy.dataset / "meta.csv")

    report = copy.report("--set", "seasons.spring.max_cloud=1")

    new = pd.read_csv(copy.dataset / "meta.csv")
    assert stages_done(report) <= {"select", "cut", "describe", "split", "publish"}
    assert new["Index"].tolist() == list(range(len(new)))
    spring = new["Season"] == "Spring"
    assert new.loc[spring, "Clouds"].max() < 1
    gone = set(old["Path"]) - set(new["Path"])
    assert gone, "the limit takes no sample away: the test would show nothing"
    assert all(path.startswith("spring/") for path in gone)
    assert report["removed"] == len(gone)
    assert not any((copy.dataset / path).exists() for path in gone)
    assert sorted(set(new["Path"]) - set(old["Path"])) == []
    after = contents(copy.dataset)
    assert {name.rsplit("/", 1)[0] for name in after if name.endswith(".tif")} == set(new["Path"])
    # What is left was not touched.
    assert [name for name, time in times(copy.dataset).items() if name.endswith(".tif") and time != written[name]] == []
    assert report["changes"]["removed"] == len(gone)
    assert report["changes"]["new"] == report["changes"]["replaced"] == 0
    indices = [pd.read_csv(copy.dataset / "splits" / f"{s}.csv", header=None)[0] for s in ("train", "val", "test")]
    assert sorted(pd.concat(indices)) == list(range(len(new)))

    report = copy.report()
    assert report["changes"]["new"] == len(gone)
    assert differing(before, contents(copy.dataset)) == []


# ---------------------------------------------------------------------------------------------- refusals


def test_a_dataset_of_another_name_is_refused_and_left_alone(copy):
    before = contents(copy.path), times(copy.path)
    run = copy.run("--set", "dataset.name=other", "--set", "split.seed=7")
    assert run.returncode == 2
    assert "'demo'" in run.stderr
    assert "'other'" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert (contents(copy.path), times(copy.path)) == before


def test_a_folder_of_somebody_else_is_refused_and_left_alone(copy, tmp_path):
    foreign = tmp_path / "photographs"
    foreign.mkdir()
    (foreign / "me.jpg").write_bytes(b"not a dataset")
    run = copy.run("--set", f"paths.dataset={foreign}")
    assert run.returncode == 2
    assert str(foreign) in run.stderr
    assert [path.name for path in foreign.iterdir()] == ["me.jpg"]
    assert (foreign / "me.jpg").read_bytes() == b"not a dataset"


def test_a_second_run_at_the_same_time_is_refused(copy):
    before = contents(copy.path), times(copy.path)
    with FileLock(copy.path / ".lock", timeout=0):
        run = copy.run("--set", "split.seed=7")
    assert run.returncode == 11
    assert str(copy.path) in run.stderr
    assert (contents(copy.path), times(copy.path)) == before


# ----------------------------------------------------------------------------------------- interruptions


@dataclass(frozen=True)
class Moment:
    """A stage to interrupt: what to take away so that it runs, and the sign that it is at work."""

    remove: tuple[str, ...]
    sign: str


OBSERVING = Moment(("observations", "state/observe"), "state/observe/*.json")
CUTTING = Moment(("dataset/fall", "dataset/snow", "state/cut"), "dataset/.staging/*/*/*/*/*.tif")


@pytest.mark.parametrize(
    ("moment", "number", "everyone"),
    [
        pytest.param(OBSERVING, signal.SIGINT, True, id="ctrl-c-while-observing"),
        pytest.param(CUTTING, signal.SIGTERM, False, id="kill-while-cutting"),
    ],
)
def test_an_interrupted_run_stops_at_once_and_the_next_one_goes_on(demo_build, copy, moment, number, everyone):
    """``everyone``: the signal reaches the workers too, as a terminal's Ctrl-C does."""
    for name in moment.remove:
        shutil.rmtree(copy.path / name)
    with started(copy, moment.sign) as process:
        begin = time.monotonic()
        if everyone:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert time.monotonic() - begin < 10
        assert process.returncode == 130, error
        assert error.strip() == "error: interrupted; run the same command again to go on"
        wait_for(lambda: not living(process.pid), "the workers to end")
    assert ".staging" not in "".join(path.read_text() for path in files(copy.path / "state").values())
    assert ".staging" not in (copy.dataset / "meta.csv").read_text()

    assert copy.run().returncode == 0
    assert differing(without_inputs(contents(demo_build.workspace)), contents(copy.path)) == []
    assert not (copy.dataset / ".staging").exists()


def test_workers_do_not_outlive_a_run_that_is_killed(copy):
    """They would go on to write to the dataset, with nobody holding the lock, and keep their memory for good.

    The system kills a process like this when memory runs out.
    """
    for name in CUTTING.remove:
        shutil.rmtree(copy.path / name)
    with started(copy, CUTTING.sign) as process:
        process.kill()
        process.wait(timeout=60)
        wait_for(lambda: not living(process.pid), "the workers to end")


@contextmanager
def started(workspace: Workspace, sign: str) -> Iterator["subprocess.Popen[str]"]:
    """A run with two workers in a process group of its own, once there are files like ``sign``."""
    process = subprocess.Popen(
        arguments(*workspace.arguments(workers=2)),
        env=environment(workspace.environment),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            wait_for(lambda: process.poll() is not None or any(workspace.path.glob(sign)), "the stage to begin", 60)
            assert process.poll() is None, "the run ended before it could be interrupted"
            yield process
        finally:
            # Leave nothing behind, whatever went wrong.
            if living(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def living(group: int) -> list[int]:
    """The processes of a group that have not ended (those that nobody has asked about yet, zombies, have)."""
    processes = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group, *_ = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            processes.append(int(stat.parent.name))
    return processes


def test_files_of_an_interrupted_run_are_not_taken_for_those_of_an_older_one(demo_build, tmp_path, monkeypatch):
    """Settings are tried, the run is interrupted when its first files have taken their place, and taken back.

    The interruption is put where it hurts: after the files and before the record of them. Without compression, files
    of both runs have the same size.
    """
    (product,) = (demo_build.workspace / "inputs" / "products").glob("*_20180719T*_T32UNA_*.SAFE")
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / product.name).symlink_to(product, target_is_directory=True)
    monkeypatch.setenv("SEASONET_DEMO", str(demo_build.workspace))
    settings = [
        *(f"paths.workspace={tmp_path / 'work'}", f'products.folders=["{tmp_path / "products"}"]'),
        *('area.tiles=["32UNA"]', "output.compression=none", "labels.min_coverage=0.01"),
    ]
    build(settings)
    before = patches(tmp_path / "work")

    write = ManifestStore.write

    def interrupted(self: ManifestStore, manifest: Manifest) -> None:
        if manifest.stage == "cut":
            raise KeyboardInterrupt
        write(self, manifest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ManifestStore, "write", interrupted)
        build([*settings, "labels.layers=clc5_class[1345]xx"])
    assert patches(tmp_path / "work") != before

    build(settings)
    assert differing(before, patches(tmp_path / "work")) == []


def build(settings: list[str]) -> None:
    Build(load_config(REPOSITORY / "configs" / "demo.toml", settings).config, workers=1).run()
