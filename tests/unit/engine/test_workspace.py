"""Whose a folder is: one run at a time in a workspace, one dataset in an output folder."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seasonet_build.engine.lock import locked, locked_downloads, read_holder
from seasonet_build.engine.owner import claim
from seasonet_build.engine.sweep import remove_strays
from seasonet_build.errors import ConfigError, WorkspaceLockedError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import write_text
from tests.unit.helpers import contents

HOLDER = """
import sys
from pathlib import Path
from seasonet_build.engine.lock import locked, locked_downloads
with globals()[sys.argv[2]](Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

LOCKS = [locked, locked_downloads]
RECORDS = {locked: ".holder.json", locked_downloads: ".download.holder.json"}
Lock = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def held_by_another(folder: Path, lock: Lock = locked) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds a folder until it is killed or its stdin is closed."""
    command = [sys.executable, "-c", HOLDER, str(folder), lock.__name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def refusal(folder: Path, lock: Lock = locked) -> str:
    """Try to hold a folder that is held; return what is said."""
    with pytest.raises(WorkspaceLockedError, match="another run is at work") as caught, lock(folder):
        pass
    assert caught.value.exit_code == 11
    return str(caught.value)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_folder_is_held_by_one_process_at_a_time(tmp_path, lock):
    before = datetime.now(UTC).replace(microsecond=0)
    with held_by_another(tmp_path, lock) as holder:
        said = refusal(tmp_path, lock)
        assert str(tmp_path) in said
        assert f"pid {holder.pid} on host {socket.gethostname()} since " in said
        since = re.search(r"since (\S+Z) \(seasonet-build ", said)
        assert since is not None
        assert before <= datetime.fromisoformat(since[1]) <= datetime.now(UTC)
        # A process that is killed lets go.
        holder.kill()
        holder.wait()
        with lock(tmp_path):
            pass
    with lock(tmp_path):
        pass


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_tells_of_a_holder_once_it_has_ended(tmp_path, lock):
    with lock(tmp_path):
        assert (tmp_path / RECORDS[lock]).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [RECORDS[lock].replace("holder.json", "lock")]
    with pytest.raises(KeyboardInterrupt), lock(tmp_path):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == [RECORDS[lock].replace("holder.json", "lock")]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"pid": -1}'])
def test_a_second_run_is_refused_without_a_word_of_the_holder(tmp_path, text):
    with held_by_another(tmp_path):
        if text is None:
            (tmp_path / ".holder.json").unlink()
        else:
            (tmp_path / ".holder.json").write_text(text)
        begin = time.monotonic()
        said = refusal(tmp_path)
        assert time.monotonic() - begin < 5
        assert str(tmp_path) in said
        assert read_holder(tmp_path) is None


def test_the_word_of_a_killed_run_is_not_taken_for_that_of_the_holder(tmp_path):
    with held_by_another(tmp_path) as killed:
        killed.kill()
        killed.wait()
        left = (tmp_path / ".holder.json").read_text()
    with held_by_another(tmp_path) as holder:
        # As if the new holder had yet to say who it is.
        own = (tmp_path / ".holder.json").read_text()
        (tmp_path / ".holder.json").write_text(left)
        threading.Timer(0.3, write_text, (tmp_path / ".holder.json", own)).start()
        assert f"pid {holder.pid} on" in refusal(tmp_path)


def test_a_run_that_takes_over_from_a_killed_one_says_so(tmp_path, caplog):
    caplog.set_level("WARNING", "seasonet_build")
    with held_by_another(tmp_path) as holder:
        holder.kill()
        holder.wait()
    with locked(tmp_path):
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        for word in (str(tmp_path), f"the run of pid {holder.pid} on host", "ended without finishing"):
            assert word in record.getMessage()
        assert json.loads((tmp_path / ".holder.json").read_text())["pid"] == os.getpid()
    caplog.clear()
    with locked(tmp_path):
        assert caplog.records == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', "\x00" * 50])
def test_a_damaged_word_of_a_killed_run_is_no_obstacle(tmp_path, caplog, text):
    caplog.set_level("WARNING", "seasonet_build")
    (tmp_path / ".holder.json").write_text(text)
    with locked(tmp_path):
        assert json.loads((tmp_path / ".holder.json").read_text())["pid"] == os.getpid()
    assert "an earlier run ended without finishing" in caplog.text


def test_a_holder_elsewhere_is_named_with_its_host(tmp_path):
    with held_by_another(tmp_path):
        record = json.loads((tmp_path / ".holder.json").read_text())
        (tmp_path / ".holder.json").write_text(json.dumps({**record, "host": "elsewhere", "pid": 2**31 - 1}))
        assert "pid 2147483647 on host elsewhere since" in refusal(tmp_path)
        holder = read_holder(tmp_path)
        assert holder is not None
        assert not holder.is_here


# ------------------------------------------------------------------------------------------------ who holds it now


def test_the_holder_of_a_workspace_can_be_asked_for(tmp_path):
    assert read_holder(tmp_path / "none") is None
    assert read_holder(tmp_path) is None
    with held_by_another(tmp_path) as process:
        holder = read_holder(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.host, holder.is_here) == (process.pid, socket.gethostname(), True)
        # Killed, whether or not its parent has asked for its end.
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert read_holder(tmp_path) is None
        process.wait()
        assert read_holder(tmp_path) is None
    assert (tmp_path / ".holder.json").is_file()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc tells when a process began")
def test_a_process_that_got_the_number_of_a_killed_run_is_not_taken_for_it(tmp_path):
    with locked(tmp_path):
        record = json.loads((tmp_path / ".holder.json").read_text())
    for birth, running in ((record["birth"], True), (record["birth"] - 1, False)):
        (tmp_path / ".holder.json").write_text(json.dumps({**record, "birth": birth}))
        assert (read_holder(tmp_path) is not None) == running


def test_asking_for_the_holder_never_keeps_a_run_from_starting(tmp_path):
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            read_holder(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(200):
            with locked(tmp_path):
                pass
    finally:
        stop.set()
        asking.join()


def test_the_workspace_is_made(tmp_path):
    with locked(tmp_path / "new" / "workspace"):
        assert (tmp_path / "new" / "workspace").is_dir()


def test_a_file_in_the_place_of_the_workspace_is_an_error(tmp_path):
    (tmp_path / "work").write_text("x")
    for workspace in (tmp_path / "work", tmp_path / "work" / "inner"):
        with pytest.raises(ConfigError, match=r"paths\.workspace: .*work.* cannot be written to"), locked(workspace):
            pass
    assert (tmp_path / "work").read_text() == "x"


def test_a_dataset_keeps_its_name(tmp_path):
    layout = DatasetLayout(tmp_path / "dataset")
    claim(layout, "one")
    write_text(layout.meta_csv, "x")
    before = contents(tmp_path)
    claim(layout, "one")
    with pytest.raises(ConfigError, match="holds the dataset 'one', the configuration builds 'other'"):
        claim(layout, "other")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["notes.txt", "meta.csv", "spring/grid1/x/y.tif"])
def test_a_folder_with_other_files_is_left_alone(tmp_path, name):
    write_text(tmp_path / name, "mine")
    with pytest.raises(ConfigError, match="is not a dataset of this program"):
        claim(DatasetLayout(tmp_path), "one")
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00"])
def test_a_damaged_marker_is_named(tmp_path, text):
    layout = DatasetLayout(tmp_path)
    layout.marker.write_text(text)
    with pytest.raises(ConfigError, match=r"\.seasonet-build\.json cannot be read"):
        claim(layout, "one")


def make_patch(root: Path, path: str) -> None:
    write_text(root / path / "x_labels.tif", "x")


def test_only_strays_are_removed(tmp_path):
    layout = DatasetLayout(tmp_path)
    kept, stray = "spring/grid1/a", "snow/grid2/b"
    for path in (kept, stray, "papers/grid1/c"):
        make_patch(tmp_path, path)
    write_text(layout.meta_csv, "x")
    assert remove_strays(layout, {kept}) == 1
    assert set(contents(tmp_path)) == {f"{kept}/x_labels.tif", "papers/grid1/c/x_labels.tif", "meta.csv"}
    assert remove_strays(layout, {kept}) == 0
