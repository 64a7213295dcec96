"""``seasonet-build verify``: what it prints, its exit codes, and how it ends when it is interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bad_input.command_line import command_line
from tests.verify.damage import Damage
from tests.verify.datasets import Patch, patches, write_dataset

pytestmark = pytest.mark.xdist_group("verify-command")

MEMBERS = patches(2, ("spring", "winter"))
FIRST = MEMBERS[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", MEMBERS)


@pytest.fixture(scope="module")
def many() -> list[Patch]:
    return patches(6)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, many: list[Patch]) -> Path:
    """More patches than a worker takes at a time."""
    return write_dataset(tmp_path_factory.mktemp("large") / "dataset", many)


def test_a_whole_dataset(root):
    run = command_line().run("verify", root)
    assert (run.code, run.stderr) == (0, "")
    head, *rest = run.stdout.splitlines()
    assert head.startswith(f"{len(MEMBERS)} patches, {5 * len(MEMBERS)} files")
    assert rest == ["no problem found"]


def test_every_problem_has_its_line_and_is_in_the_json(root):
    damage = Damage(root, 1)
    damage.flip(FIRST.files()[0])
    damage.delete(FIRST.files()[1])
    damage.add(f"{FIRST.path}/more.txt")
    (root / ".staging").mkdir()
    run = command_line().run("verify", root, "--workers", 1)
    assert (run.code, run.stderr) == (3, "")
    assert f"missing  {FIRST.files()[1]}\n" in run.stdout
    assert f"extra    {FIRST.path}/more.txt\n" in run.stdout
    assert f"altered  {FIRST.files()[0]}: its SHA-256 is not the recorded one\n" in run.stdout
    assert "note: a run is at work here" in run.stdout
    assert run.stdout.endswith("problems: 1 missing, 1 extra, 1 altered\n")
    run = command_line().run("verify", root, "--json")
    assert (run.code, run.stderr) == (3, "")
    report = json.loads(run.stdout)
    notes = report.pop("notes")
    assert len(notes) == 1
    assert report.pop("bytes") > 0
    assert report == {
        "dataset": str(root),
        "mode": "bytes",
        "patches": len(MEMBERS),
        "files": 5 * len(MEMBERS) - 1,
        "recorded": True,
        "ok": False,
        "missing": [FIRST.files()[1]],
        "extra": [f"{FIRST.path}/more.txt"],
        "altered": [{"path": FIRST.files()[0], "reason": "its SHA-256 is not the recorded one"}],
        "wrong": [],
    }


@pytest.mark.parametrize(("option", "mode"), [("--quick", "quick"), ("--pixels", "pixels")])
def test_modes(root, option, mode):
    run = command_line().run("verify", root, option, "--json")
    report = json.loads(run.stdout)
    assert (run.code, report["mode"], report["ok"], report["recorded"]) == (0, mode, True, True)


def test_wrong_usage_and_what_is_no_dataset(root, tmp_path):
    run = command_line().run("verify", root, "--quick", "--pixels")
    assert (run.code, run.stdout) == (2, "")
    assert "--quick and --pixels exclude each other" in run.stderr
    for args in ((tmp_path,), (tmp_path / "none",), (root, "--against", tmp_path), (tmp_path, "--against", root)):
        run = command_line().run("verify", *args)
        assert (run.code, run.stdout) == (1, "")
        assert run.stderr.startswith(f"error: {tmp_path}")
        assert run.stderr.count("\n") == 1


def test_the_report_is_the_same_for_any_number_of_workers(large, many):
    """And a relative path means the same to workers."""
    damage = Damage(large, 3)
    damage.spread(
        (file for patch in many for file in patch.files()), {"flip": 9, "truncate": 9, "delete": 9, "swap": 9}
    )
    try:
        runs = [command_line().run("verify", large.name, "--json", "--workers", n, cwd=large.parent) for n in (1, 2)]
    finally:
        damage.mend()
    assert runs[0].code == runs[1].code == 3
    assert runs[0].stdout == runs[1].stdout
    report = json.loads(runs[0].stdout)
    assert len(report["missing"]) == 9
    assert {entry["path"] for entry in report["altered"]} == damage.named - damage.deleted


def test_nothing_is_written(root):
    before = sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*"))
    for option in ("--quick", "--pixels"):
        assert command_line().run("verify", root, option).code == 0
    assert sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are looked up in /proc")
def test_an_interrupt_ends_it_at_once(large):
    """From the terminal, so that workers, which are about to be at work, get it too: 130, and none is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "seasonet_build", "verify", str(large), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while len(workers := children(process.pid)) < 2 and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert stderr.strip().startswith("error: interrupted")
    assert "Traceback" not in stderr
    end = time.monotonic() + 10
    while alive(workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The workers of a process: its children that were started by multiprocessing."""
    try:
        pids = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [p for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    except OSError:
        return []


def alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        found.append(pid)
    return found


def test_comparing(root, tmp_path):
    other = Path(shutil.copytree(root, tmp_path / "other"))
    (other / ".seasonet-build.json").write_text('{"dataset": "other"}')
    run = command_line().run("verify", root, "--against", other)
    assert (run.code, run.stderr) == (0, "")
    assert run.stdout.endswith("no difference\n")
    (root / FIRST.files()[0]).unlink()
    (other / FIRST.files()[1]).unlink()
    (other / "meta.csv").write_bytes(b"x")
    run = command_line().run("verify", root, "--against", other, "--quick", "--workers", 1)
    assert (run.code, run.stderr) == (3, "")
    assert f"only there  {FIRST.files()[0]}\n" in run.stdout
    assert f"only here   {FIRST.files()[1]}\n" in run.stdout
    assert "different   meta.csv: has " in run.stdout
    assert run.stdout.endswith("1 only here, 1 only there, 1 different\n")
    run = command_line().run("verify", root, "--against", other, "--json")
    report = json.loads(run.stdout)
    assert run.code == 3
    assert (report["ok"], report["mode"], report["patches"]) == (False, "bytes", len(MEMBERS))
    assert (report["only_here"], report["only_there"]) == ([FIRST.files()[1]], [FIRST.files()[0]])
    assert [entry["path"] for entry in report["different"]] == ["meta.csv"]
