"""Files are the old ones or the whole new ones."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.storage import (
    exchange,
    file_digest,
    free_room,
    is_disk_full,
    read_table,
    replacing,
    text_digest,
    write_table,
    write_text,
    written_file,
)
from tests.unit.disks import small_disk
from tests.unit.helpers import contents, modest

SCHEMA = pa.schema([pa.field("a", pa.int8()), pa.field("b", pa.string())])


def test_what_is_written_takes_the_place_of_the_old_file(tmp_path):
    file = tmp_path / "deep" / "file.txt"
    write_text(file, "old\n")
    write_text(file, "new\nÄ\n")
    assert file.read_bytes() == "new\nÄ\n".encode()
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, error):
    file = tmp_path / "file.txt"
    write_text(file, "old")
    with pytest.raises(error), replacing(file) as part:
        part.write_text("half of the ne")
        raise error
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_first_write_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="stop"), replacing(tmp_path / "file.txt") as part:
        part.write_text("half")
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())


KILLED = """
import os, sys
from pathlib import Path
from seasonet_build.storage import replacing
with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    os._exit(9)
"""


def test_a_killed_process_leaves_the_old_file(tmp_path):
    file = tmp_path / "file.txt"
    write_text(file, "old")
    run = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert run.returncode == 9
    assert file.read_text() == "old"
    # What it left is no obstacle to the next one.
    write_text(file, "new")
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path):
    file = tmp_path / "table.parquet"
    write_table(pa.Table.from_pylist([{"a": 1, "b": "x"}], schema=SCHEMA), file)
    with pytest.raises(AttributeError):
        write_table(None, file)
    assert read_table(file, SCHEMA).to_pylist() == [{"a": 1, "b": "x"}]
    assert list(tmp_path.iterdir()) == [file]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = pa.Table.from_pylist([{"a": i, "b": str(i)} for i in range(100)], schema=SCHEMA)
    for name in ("one", "other"):
        write_table(table, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@modest
@given(st.binary(max_size=3000))
def test_digests_of_files(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("digest") / "file"
    file.write_bytes(data)
    assert file_digest(file) == hashlib.sha256(data).hexdigest()
    written = written_file(file)
    assert (written.path, written.size, written.sha256) == (file, len(data), file_digest(file))


texts = st.lists(st.text("ab", max_size=3), max_size=4)


@modest
@given(texts, texts)
def test_digests_of_texts_differ_where_the_texts_do(one, other):
    assert (text_digest(*one) == text_digest(*other)) == (one == other)
    assert text_digest(*one) == text_digest(*one)


# --------------------------------------------------------------------------------------------------------- exchanges


def make(root: Path, name: str, kind: str) -> Path:
    """Make a file or a folder with a file in it, both of them named in their content."""
    write_text(root / name if kind == "file" else root / name / "deep" / "file", f"{kind} {name}")
    return root / name


def swap_or_skip(one: Path, other: Path) -> None:
    if not exchange(one, other):
        pytest.skip("files cannot be exchanged here")


@pytest.mark.parametrize("kinds", [("file", "file"), ("folder", "folder"), ("file", "folder")])
def test_two_change_places(tmp_path, kinds):
    one, other = make(tmp_path, "ä one", kinds[0]), make(tmp_path, "x/other", kinds[1])
    inodes = one.stat().st_ino, other.stat().st_ino
    before = contents(tmp_path)
    swap_or_skip(one, other)
    assert (other.stat().st_ino, one.stat().st_ino) == inodes
    assert sorted(contents(tmp_path).values()) == sorted(before.values())
    assert contents(tmp_path) != before
    # Names may be given as text too.
    assert exchange(str(other), str(one))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_nothing_is_moved_where_one_of_two_is_missing(tmp_path, kind, missing):
    pair = [make(tmp_path, "one", kind), make(tmp_path, "other", kind)]
    swap_or_skip(*pair)
    pair[missing].rename(tmp_path / "away")
    before = contents(tmp_path)
    with pytest.raises(FileNotFoundError) as failed:
        exchange(*pair)
    assert (failed.value.filename, failed.value.filename2) == tuple(map(str, pair))
    assert contents(tmp_path) == before


def test_a_folder_cannot_change_places_with_its_own_content(tmp_path):
    inner = make(tmp_path, "outer", "folder") / "deep"
    before = contents(tmp_path)
    with suppress(OSError):
        assert not exchange(tmp_path / "outer", inner)
    assert contents(tmp_path) == before


# -------------------------------------------------------------------------------------------------------- full disks


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_error_of_a_full_disk_is_known(tmp_path):
    with pytest.raises(OSError, match="No space left") as full, Path("/dev/full").open("w") as file:
        file.write("x")
    assert is_disk_full(full.value, ())
    assert is_disk_full(full.value, [tmp_path])


def test_the_error_of_a_library_is_known_by_its_text():
    assert is_disk_full(RuntimeError("write failed: No space left on device"), ())
    assert is_disk_full(OSError("write failed: No space left on device"), ())
    assert is_disk_full(OSError(errno.EDQUOT, "Disk quota exceeded"), ())


def test_other_errors_are_not_those_of_a_full_disk(tmp_path):
    if shutil.disk_usage(tmp_path).free < 10 << 20:
        pytest.skip("there is little room here")
    for error in (RuntimeError("x"), ValueError(), OSError("x"), PermissionError(errno.EACCES, "No")):
        assert not is_disk_full(error, [tmp_path, tmp_path / "none"])
        assert not is_disk_full(error, ())


def test_where_there_is_no_room_an_error_that_says_nothing_is_that_of_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", 3 << 20) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        folders = [tmp_path, tmp_path / "disk" / "none"]
        assert not is_disk_full(RuntimeError("write failed"), folders)
        (tmp_path / "disk" / "ballast").write_bytes(bytes(5 << 19))
        assert is_disk_full(RuntimeError("write failed"), folders)
        # But one that says what it is, is what it says.
        assert not is_disk_full(PermissionError(errno.EACCES, "No"), folders)


def test_the_room_below_a_folder(tmp_path):
    with small_disk(tmp_path / "disk", 8 << 20) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        disk = tmp_path / "disk"
        assert free_room(disk) == free_room(disk / "not" / "yet") == 8 << 20
        (disk / "not").mkdir()
        (disk / "file").write_bytes(bytes(3 << 20))
        assert free_room(disk / "not" / "yet") == 5 << 20
        assert free_room(tmp_path) != free_room(disk)


def test_the_room_is_that_of_the_file_system_a_folder_will_lie_in(tmp_path):
    found = os.statvfs(tmp_path)
    assert 0 <= free_room(tmp_path / "a" / "b") <= found.f_blocks * found.f_frsize
