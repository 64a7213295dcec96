"""Damage to JPEG 2000 files, on files that GDAL wrote."""

import struct
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.sources.jpeg2000 import find_damage
from tests.unit.helpers import KIT, modest, needs_kit

KINDS = st.sampled_from([("uint16", 96, 96), ("uint16", 96, 32), ("uint8", 70, 64)])
"""Type, size of the image and of its inner tiles, px."""


@cache
def whole_file(dtype: str, side: int, block: int) -> bytes:
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (side, side)).astype(dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "band.jp2")
        with rasterio.open(
            path, "w", driver="JP2OpenJPEG", width=side, height=side, count=1, dtype=dtype, crs="EPSG:32632",
            transform=rasterio.transform.from_origin(0, 60, 10, 10), QUALITY="100", REVERSIBLE="YES",
            BLOCKXSIZE=str(block), BLOCKYSIZE=str(block),
        ) as file:  # fmt: skip
            file.write(pixels, 1)
        return path.read_bytes()


def damage_of(data: bytes) -> str | None:
    return find_damage(BytesIO(data), len(data))


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, start and end of each box, header included."""
    found, position = [], 0
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + length if length else len(data)
        found.append((kind, position, end))
        position = end
    return found


@modest
@given(KINDS)
def test_whole_files_have_no_damage(kind):
    assert damage_of(whole_file(*kind)) is None


@modest
@given(KINDS, st.data())
def test_every_truncation_is_noticed(kind, data):
    whole = whole_file(*kind)
    cut = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.integers(len(whole) - 40, len(whole) - 1)))
    assert damage_of(whole[:cut])


@modest
@given(KINDS, st.data())
def test_every_truncation_padded_with_zeros_is_noticed(kind, data):
    whole = whole_file(*kind)
    cut = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.integers(len(whole) - 40, len(whole) - 1)))
    assert damage_of(whole[:cut].ljust(len(whole), b"\0"))


@modest
@given(KINDS, st.data())
def test_bytes_lost_in_the_middle_are_noticed(kind, data):
    whole = whole_file(*kind)
    (_, start, end), *_ = [box for box in boxes(whole) if box[0] == b"jp2c"]
    first = data.draw(st.integers(start, end - 3))
    last = data.draw(st.integers(first + 1, end - 2))
    assert damage_of(whole[:first] + whole[last:])


@modest
@given(st.integers(0, 11), st.integers(1, 255))
def test_another_signature_is_noticed(position, change):
    data = bytearray(whole_file("uint8", 70, 64))
    data[position] ^= change
    assert damage_of(bytes(data)) == "is not a JPEG 2000 file"


@pytest.mark.parametrize("data", [b"", b"II*\0", b"\xff\x4f\xff\x51" + bytes(500), bytes(1000)])
def test_other_files_are_no_jpeg_2000(data):
    assert damage_of(data) == "is not a JPEG 2000 file"


def test_a_second_codestream_is_noticed():
    data = whole_file("uint8", 70, 64)
    (_, start, end), *_ = [box for box in boxes(data) if box[0] == b"jp2c"]
    codestream = data[start:end]
    length = struct.pack(">I", len(codestream))
    assert damage_of(data[:start] + length + codestream[4:] + length + codestream[4:]) == "has more than one codestream"


def test_a_file_without_a_codestream_is_noticed():
    data = whole_file("uint8", 70, 64)
    (_, start, _), *_ = [box for box in boxes(data) if box[0] == b"jp2c"]
    assert "no codestream" in str(damage_of(data[:start]))


@pytest.mark.parametrize("form", ["to the end", "64 bit"])
def test_a_codestream_may_state_its_length_in_three_ways(form):
    data = whole_file("uint16", 96, 32)
    (_, start, end), *_ = [box for box in boxes(data) if box[0] == b"jp2c"]
    assert end == len(data)
    content = data[start + 8 : end]
    header = struct.pack(">I4s", 0, b"jp2c")
    if form == "64 bit":
        header = struct.pack(">I4sQ", 1, b"jp2c", len(content) + 16)
    assert damage_of(data[:start] + header + content) is None
    assert damage_of(data[:start] + header + content[:-1])
    assert damage_of(data[:start] + header + content[: len(content) // 2])


@modest
@given(KINDS, st.data())
def test_no_damage_is_too_odd_to_be_described(kind, data):
    """Whatever bytes are changed, the answer is a text or None, never an exception."""
    changed = bytearray(whole_file(*kind))
    for _ in range(data.draw(st.integers(1, 5))):
        # Most of what is looked at stands at the start and the end.
        position = data.draw(st.one_of(st.integers(0, 400), st.integers(0, len(changed) - 1)))
        changed[position] = data.draw(st.integers(0, 255))
    damage = damage_of(bytes(changed))
    assert damage is None or damage.startswith(("is ", "has "))


@needs_kit
def test_files_from_esa_are_whole():
    files = sorted((KIT / "real_safe").rglob("*.jp2"))
    assert len(files) > 5
    for file in files:
        with file.open("rb") as stream:
            assert find_damage(stream, file.stat().st_size) is None, file.name
