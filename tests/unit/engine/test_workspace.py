"""Whose a folder is: one run at a time in a workspace, one dataset in an output folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from seasonet_build.engine.lock import locked
from seasonet_build.engine.publish import claim, remove_splits, remove_strays
from seasonet_build.errors import ConfigError, WorkspaceLockedError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import write_text
from tests.unit.helpers import contents

HOLDER = """
import sys
from pathlib import Path
from seasonet_build.engine.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_workspace_is_held_by_one_process_at_a_time(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WorkspaceLockedError, match="another run is at work") as caught, locked(tmp_path):
            pass
        assert str(tmp_path) in str(caught.value)
        assert caught.value.exit_code == 11
        # A process that is killed lets go.
        holder.kill()
        holder.wait()
    with locked(tmp_path):
        pass


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


def test_splits_are_removed_but_not_which_side_locations_were_on(tmp_path):
    layout = DatasetLayout(tmp_path)
    for name in ("train.csv", "none.csv", "report.json", "classes.png", "sides.parquet", "subsets/grid1/val.csv"):
        write_text(layout.splits / name, "0\n")
    write_text(layout.meta_csv, "x")
    remove_splits(layout)
    remove_splits(layout)
    assert set(contents(tmp_path)) == {"meta.csv", "splits/sides.parquet"}
    assert [path.name for path in layout.splits.iterdir()] == ["sides.parquet"]


def test_a_dataset_without_splits_has_none_to_remove(tmp_path):
    remove_splits(DatasetLayout(tmp_path / "dataset"))
    assert not (tmp_path / "dataset").exists()
