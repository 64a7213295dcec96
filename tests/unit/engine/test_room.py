"""A run that would not fit is refused before it writes anything."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from seasonet_build.config.models import OutputSection
from seasonet_build.engine import room
from seasonet_build.engine.room import check_room
from seasonet_build.errors import DiskFullError
from seasonet_build.model.checksums import record_schema
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.storage import write_table, write_text
from tests.unit.disks import small_disk

MB = 1_000_000
SUFFIXES = ("10m_RGB", "10m_IR", "20m", "60m", "labels")

Disk = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Gives empty file systems of some bytes and inodes (0: they are not counted)."""
    with ExitStack() as stack:

        def make(size: int, inodes: int = 0) -> Path:
            mount = tmp_path / "disk"
            if not stack.enter_context(small_disk(mount, size, inodes)):
                found = SimpleNamespace(f_files=inodes, f_favail=max(0, inodes - 1))
                monkeypatch.setattr(room, "os", SimpleNamespace(statvfs=lambda _: found))
                monkeypatch.setattr(room, "free_room", lambda _: size)
            return mount

        yield make


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceLayout:
    return WorkspaceLayout(tmp_path / "work")


def output(**settings: object) -> OutputSection:
    return OutputSection.model_validate(settings)


def write_record(workspace: WorkspaceLayout, scene: str, *sizes: int) -> None:
    """Write a record of patches whose files have these sizes all told."""
    columns: dict[str, list[object]] = {"path": [f"spring/grid1/{i}" for i in range(len(sizes))]}
    for suffix in SUFFIXES:
        columns[f"{suffix}_bytes"] = [size // len(SUFFIXES) for size in sizes]
        columns[f"{suffix}_sha256"] = [bytes(32)] * len(sizes)
        columns[f"{suffix}_crc32"] = [0] * len(sizes)
    write_table(pa.table(columns, schema=record_schema(SUFFIXES)), workspace.patches(scene))


# A patch has 80 000 numbers of 16 bits, 160 kB without compression.


def test_what_cannot_fit_is_refused_with_what_is_needed_and_free(disk, workspace):
    dataset = DatasetLayout(disk(4 * MB) / "not" / "yet" / "there")
    with pytest.raises(DiskFullError) as refused:
        check_room(dataset, workspace, 30, output(compression="none"))
    text = str(refused.value)
    assert text.startswith(f"{dataset.root}: 30 patches need about ")
    assert "free some space" in text
    assert "\n" not in text
    needed, free = map(float, re.findall(r"([\d.]+) MB", text))
    assert 30 * 0.16 < needed < 30 * 0.2
    assert free == pytest.approx(4, abs=0.1)
    assert not dataset.root.exists()


def test_what_is_needed_and_free_may_be_much(disk, workspace):
    with pytest.raises(DiskFullError, match=r"need about \d\d+\.\d GB, 4\.0 MB are free"):
        check_room(DatasetLayout(disk(4 * MB)), workspace, 1_000_000, output())


def test_what_may_fit_is_not_refused(disk, workspace):
    dataset = DatasetLayout(disk(4 * MB))
    check_room(dataset, workspace, 20, output(compression="none"))
    # Compressed images may take half.
    check_room(dataset, workspace, 30, output())


def test_room_that_others_take_does_not_count(disk, workspace):
    mount = disk(4 * MB)
    if not mount.is_mount():
        pytest.skip("no file system can be mounted here")
    dataset = DatasetLayout(mount / "dataset")
    check_room(dataset, workspace, 20, output(compression="none"))
    (mount / "ballast").write_bytes(bytes(2 * MB))
    with pytest.raises(DiskFullError, match=rf"{dataset.root}: .* 2\.0 MB are free"):
        check_room(dataset, workspace, 20, output(compression="none"))
    (mount / "ballast").unlink()
    check_room(dataset, workspace, 20, output(compression="none"))


def test_the_room_is_that_of_the_dataset(disk, workspace, tmp_path):
    """The workspace may lie on another disk."""
    if shutil.disk_usage(tmp_path).free < 100 * MB:
        pytest.skip("there is little room here")
    mount = disk(MB)
    if not mount.is_mount():
        pytest.skip("no file system can be mounted here")
    check_room(DatasetLayout(tmp_path), WorkspaceLayout(mount), 30, output())


# ------------------------------------------------------------------------------------------------------------ inodes


def test_too_few_inodes_are_told(disk, workspace):
    dataset = DatasetLayout(disk(100 * MB, inodes=100) / "dataset")
    check_room(dataset, workspace, 16, output())
    with pytest.raises(DiskFullError) as refused:
        check_room(dataset, workspace, 17, output())
    # Each has five files and a folder.
    text = str(refused.value)
    assert text.startswith(f"{dataset.root}: 17 patches are 102 files and folders, ")
    assert re.search(r"inodes for 9\d more", text)
    assert "\n" not in text


def test_masks_are_files_too(disk, workspace):
    dataset = DatasetLayout(disk(100 * MB, inodes=100))
    check_room(dataset, workspace, 9, output(masks=True))
    with pytest.raises(DiskFullError, match="10 patches are 100 files"):
        check_room(dataset, workspace, 10, output(masks=True))


def test_nothing_is_refused_where_inodes_are_not_counted(disk, workspace):
    mount = disk(1000 * MB, inodes=0)
    if mount.is_mount():
        assert os.statvfs(mount).f_files == 0
    check_room(DatasetLayout(mount), workspace, 5000, output())


# ------------------------------------------------------------------------------------------------- what patches took


def test_patches_on_record_tell_what_a_patch_takes(disk, workspace):
    dataset = DatasetLayout(disk(4 * MB))
    check_room(dataset, workspace, 8, output())
    write_record(workspace, "b", 400_000, 600_000, 500_000)
    check_room(dataset, workspace, 7, output())
    with pytest.raises(DiskFullError, match=r"8 patches need about 4\.1 MB"):
        check_room(dataset, workspace, 8, output())


def test_small_patches_on_record_make_room(disk, workspace):
    dataset = DatasetLayout(disk(4 * MB))
    with pytest.raises(DiskFullError):
        check_room(dataset, workspace, 100, output())
    write_record(workspace, "b", *[1000] * 7)
    check_room(dataset, workspace, 100, output())
    # Files take whole blocks, however small they are.
    with pytest.raises(DiskFullError):
        check_room(dataset, workspace, 500, output())


def test_records_without_patches_and_damaged_ones_are_passed_over(disk, workspace):
    dataset = DatasetLayout(disk(4 * MB))
    write_record(workspace, "a")
    write_text(workspace.patches("b"), "junk")
    check_room(dataset, workspace, 8, output())
    write_record(workspace, "c", 500_000)
    with pytest.raises(DiskFullError, match="8 patches need about"):
        check_room(dataset, workspace, 8, output())
