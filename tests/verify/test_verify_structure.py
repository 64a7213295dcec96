"""What lies where in a dataset: every file and folder too few or too many is named."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seasonet_build.errors import DataError
from seasonet_build.verify.findings import Mode
from tests.verify.datasets import MASKS, SUFFIXES, patches, write_dataset, write_sums
from tests.verify.support import problems, verify

MEMBERS = patches(2, ("spring", "winter"))
FIRST, SECOND = MEMBERS[:2]
MODES = list(Mode)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", MEMBERS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("record", [False, True])
def test_a_whole_dataset(tmp_path, mode, masks, record):
    root = write_dataset(tmp_path, MEMBERS, masks=masks, record=record)
    report = verify(root, mode)
    assert (report.problems, report.ok, report.recorded) == ([], True, record)
    assert report.patches == len(MEMBERS)
    assert report.files == len(MEMBERS) * (9 if masks else 5)
    assert len(report.notes) == (0 if record else 1)


def test_a_dataset_without_patches(tmp_path):
    report = verify(write_dataset(tmp_path, []))
    assert (report.problems, report.patches, report.files) == ([], 0, 0)


def test_the_published_form_has_no_record_and_no_parquet(tmp_path):
    root = write_dataset(tmp_path, MEMBERS, record=False)
    (root / "meta.parquet").unlink()
    (root / ".seasonet-build.json").unlink()
    for name in ("report.json", "classes.png", "sides.parquet"):
        (root / "splits" / name).unlink()
    report = verify(root)
    assert (report.problems, report.recorded) == ([], False)
    assert any("check sums" in note for note in report.notes)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("record", [False, True])
def test_missing_files_are_named(tmp_path, mode, record):
    root = write_dataset(tmp_path, MEMBERS, record=record)
    shutil.rmtree(root / FIRST.path)
    (root / SECOND.files()[2]).unlink()
    found = problems(root, mode)
    assert found == dict.fromkeys([*FIRST.files(), SECOND.files()[2]], ("missing", ""))


def test_with_masks_they_must_be_there_too(tmp_path):
    root = write_dataset(tmp_path, MEMBERS, masks=True, record=False)
    (root / FIRST.files(MASKS)[1]).unlink()
    assert problems(root) == {FIRST.files(MASKS)[1]: ("missing", "")}
    write_dataset(tmp_path / "without", MEMBERS, record=False)
    extra = FIRST.files(["clouds"])[0]
    shutil.copy(root / extra, tmp_path / "without" / extra)
    assert problems(tmp_path / "without") == {extra: ("extra", "")}


def test_folders_of_empty_sets_must_be_there(root):
    shutil.rmtree(root / "snow")
    (root / "fall" / "grid2").rmdir()
    missing = ["fall/grid2/", "snow/grid1/", "snow/grid2/"]
    assert problems(root) == dict.fromkeys(missing, ("missing", ""))


@pytest.mark.parametrize("record", [False, True])
def test_whatever_belongs_to_nothing_is_named(tmp_path, record):
    root = write_dataset(tmp_path, MEMBERS, record=record)
    names = [
        "README.txt",
        ".hidden",
        "meta.csv.bak",
        "more/deep/er/file",
        "spring/file",
        "spring/grid1/file",
        "spring/grid1/32UNA_20180418T104021_50_000000_9_000000/x.tif",
        "spring/grid3/file",
        f"{FIRST.path}/{FIRST.name}_10m_RGB.part.tif",
        f"{FIRST.path}/folder/file",
        f"{FIRST.path}/clouds.tif",
        "splits/more.csv",
        "splits/subsets/grid1/none.csv",
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    for name in ("spring/grid1/empty", "void", f"{SECOND.path}/empty"):
        (root / name).mkdir()
        names.append(f"{name}/")
    assert problems(root) == dict.fromkeys(names, ("extra", ""))


def test_names_that_are_no_text(root):
    odd = [b"caf\xe9.txt", b"two\nlines"]
    for name in odd:
        (Path(os.fsdecode(bytes(root) + b"/" + name))).write_text("x")
    assert problems(root) == {"caf\\xe9.txt": ("extra", ""), "two\\nlines": ("extra", "")}


def test_what_is_no_regular_file_is_altered(root, tmp_path):
    link, fifo, folder, elsewhere = FIRST.files()[:4]
    (tmp_path / "copy.tif").write_bytes((root / link).read_bytes())
    for file in (link, fifo, folder):
        (root / file).unlink()
    (root / link).symlink_to(tmp_path / "copy.tif")
    os.mkfifo(root / fifo)
    (root / folder).mkdir()
    shutil.move(root / SECOND.path, tmp_path / "moved")
    (root / SECOND.path).write_text("no folder")
    found = problems(root)
    assert {found[file] for file in (link, fifo, folder)} == {
        ("altered", "is a symbolic link"),
        ("altered", "is a special file"),
        ("altered", "is a folder"),
    }
    assert found[SECOND.path] == ("altered", "is not a folder")
    assert set(found) == {link, fifo, folder, SECOND.path, *SECOND.files()}
    assert elsewhere not in found


@pytest.mark.parametrize("name", ["meta.csv", "meta.parquet", "checksums.parquet", "SHA256SUMS", "splits/val.csv"])
def test_a_link_in_place_of_a_table(root, tmp_path, name):
    (root / name).rename(tmp_path / "table")
    (root / name).symlink_to(tmp_path / "table")
    assert problems(root) == {name: ("altered", "is a symbolic link")}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Nothing is unreadable for root."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(own)


def test_what_may_not_be_read_is_altered_and_the_rest_is_checked():
    with tempfile.TemporaryDirectory() as name:
        root = write_dataset(Path(name) / "dataset", MEMBERS)
        Path(name).chmod(0o755)
        with unprivileged():
            assert problems(root) == {}  # and libraries have read what they need
        (root / FIRST.files()[0]).chmod(0)
        (root / SECOND.path).chmod(0)
        (root / MEMBERS[2].files()[1]).unlink()
        with unprivileged():
            found = problems(root)
        (root / SECOND.path).chmod(0o755)
    assert found[FIRST.files()[0]] == ("altered", "cannot be read: Permission denied")
    assert found[f"{SECOND.path}/"] == ("altered", "cannot be read: Permission denied")
    assert found[MEMBERS[2].files()[1]] == ("missing", "")
    assert len(found) == 3


@pytest.mark.parametrize("name", [".staging", ".publishing", ".publishing.part"])
def test_a_run_at_work_is_noted_and_the_rest_is_checked(root, name):
    (root / name / "spring").mkdir(parents=True)
    (root / name / "spring" / "file.tif").write_text("x")
    for own in (".lock", ".holder.json"):
        (root / own).write_text("{}")
    report = verify(root)
    assert report.ok
    assert [name in note and "run it again" in note for note in report.notes] == [True]
    (root / FIRST.files()[0]).unlink()
    assert problems(root) == {FIRST.files()[0]: ("missing", "")}


@pytest.mark.parametrize("name", ["checksums.parquet", "SHA256SUMS"])
def test_one_half_of_the_record(root, name):
    (root / name).unlink()
    assert problems(root) == {name: ("missing", "")}
    (root / FIRST.files()[0]).write_bytes(b"")
    assert set(problems(root)) == {name, FIRST.files()[0]}


def test_a_list_without_the_tables_it_should_list(root):
    (root / "meta.parquet").unlink()
    write_sums(root)
    assert problems(root) == {}
    (root / "checksums.parquet").rename(root.parent / "kept")
    write_sums(root)
    assert problems(root) == {"checksums.parquet": ("missing", "")}
    (root.parent / "kept").rename(root / "checksums.parquet")
    assert problems(root) == {"SHA256SUMS": ("wrong", "does not list checksums.parquet")}


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("meta", ["missing", "damaged"])
def test_patches_are_checked_without_meta(tmp_path, record, meta):
    """Against the record if there is one, else each patch that lies there."""
    root = write_dataset(tmp_path, MEMBERS, record=record)
    if meta == "missing":
        (root / "meta.csv").unlink()
    else:
        (root / "meta.csv").write_bytes(b"\xff\x00" * 100)
    (root / FIRST.files()[0]).unlink()
    (root / "spring/grid1/more").mkdir()
    found = problems(root)
    assert found.pop("meta.csv")[0] in ("missing", "altered", "wrong")
    assert found == {FIRST.files()[0]: ("missing", ""), "spring/grid1/more/": ("extra", "")}


def test_what_is_no_dataset(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(DataError, match=str(path)):
            verify(path)


def test_suffixes_are_those_of_the_record(tmp_path):
    """A file of a kind that a record does not have belongs to nothing, however many patches have it."""
    root = write_dataset(tmp_path, MEMBERS)
    for patch in MEMBERS:
        (root / patch.files(["snow"])[0]).write_bytes(b"x")
    assert problems(root) == dict.fromkeys((patch.files(["snow"])[0] for patch in MEMBERS), ("extra", ""))
    assert len(SUFFIXES) * len(MEMBERS) == verify(root).files
