"""No path from a server leads out of the folder."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.transfer.remote import RemoteFile, check_relative
from tests.unit.helpers import modest

FOLDER = Path("/data/products")

TRICKS = [
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "//etc/passwd",
    "a/../../b",
    "a/..",
    "../a",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "a\\..\\..\\b",
    "..\\a",
    "C:/a",
    "C:a",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    "a\u202eb",
    "\ud800",
    "~/a/../..",
]

parts = st.one_of(
    st.sampled_from(["..", ".", "", "a", "b.jp2", "...", "..a", "~", " ", "C:", "\\", "\0", "/"]), st.text(max_size=4)
)
paths = st.one_of(st.text(max_size=12), st.lists(parts, max_size=5).map("/".join))


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_are_refused(path: str) -> None:
    with pytest.raises(DataError, match="outside the product's folder"):
        check_relative(path)
    with pytest.raises(DataError, match="nothing was fetched"):
        RemoteFile(path, "https://x/y")


@pytest.mark.parametrize(
    "path", ["a", "a/b.jp2", "S2A.SAFE/GRANULE/L2A_T32ULV/IMG_DATA/R10m/B02 (1).jp2", "..a/b..", "~"]
)
def test_plain_paths_pass(path: str) -> None:
    check_relative(path)
    assert RemoteFile(path, "https://x/y").path == path


@modest
@given(paths)
@example("a/b")
def test_whatever_passes_stays_in_the_folder_and_means_one_file(path: str) -> None:
    try:
        check_relative(path)
    except DataError:
        return
    place = os.path.normpath(f"{FOLDER}/{path}")
    assert place.startswith(f"{FOLDER}/")
    assert place == f"{FOLDER}/{path}" == str(FOLDER / path), "no other path names this file"
    assert path.isprintable()
