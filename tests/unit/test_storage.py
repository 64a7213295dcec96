"""Files are the old ones or the whole new ones."""

import hashlib
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.storage import (
    file_digest,
    read_table,
    replacing,
    text_digest,
    write_table,
    write_text,
    written_file,
)
from tests.unit.helpers import modest

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
