"""Reading windows block by block, held against reading each window alone."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.transform import from_origin
from rasterio.windows import Window

from seasonet_build.model.bands import harmonisation_table
from seasonet_build.raster.blocks import Band, Layer, iter_windows
from seasonet_build.raster.gdal import gdal_env
from tests.unit.helpers import few

SAME = harmonisation_table(0)


def write_raster(path: Path, pixels: NDArray[np.uint16], block: int | None) -> str:
    """Write a GeoTIFF in square blocks (None: in strips) or a lossless JP2, by the suffix."""
    profile: dict[str, Any] = {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32632",
        "transform": from_origin(540_000, 5_560_020, 10, 10),
    }
    if path.suffix == ".jp2":
        profile |= {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
        profile |= {"BLOCKXSIZE": str(block), "BLOCKYSIZE": str(block)}
    else:
        profile |= {"driver": "GTiff", "tiled": block is not None, "blockysize": block or 7}
        profile |= {"blockxsize": block} if block else {}
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels, 1)
    return str(path)


def random_pixels(seed: int, height: int, width: int, zeros: float = 0.0) -> NDArray[np.uint16]:
    random = np.random.default_rng(seed)
    pixels = random.integers(1, 10_000, (height, width)).astype(np.uint16)
    pixels[random.random((height, width)) < zeros] = 0
    return pixels


def read_all(bands: Sequence[Band], tops: Sequence[int], lefts: Sequence[int], side: int) -> dict[int, NDArray[Any]]:
    """All windows by position, after checking that each comes once and that they come from top to bottom."""
    found: dict[int, NDArray[Any]] = {}
    edges: list[int] = []
    with gdal_env():
        for positions, pixels in iter_windows(bands, np.array(tops, int), np.array(lefts, int), side):
            assert pixels.shape == (len(positions), side, side, len(bands))
            edges += [tops[position] for position in positions]
            for position, window in zip(positions.tolist(), pixels, strict=True):
                assert position not in found
                found[position] = window
    assert edges == sorted(edges)
    assert sorted(found) == list(range(len(tops)))
    return found


@st.composite
def layouts(draw: st.DrawFn, smallest: int = 1) -> tuple[int, int, int, list[tuple[int, int]]]:
    """Height and width of a raster, side and corners of windows in it; some windows lie at the edges."""
    side = draw(st.integers(1, 40))
    height, width = (draw(st.integers(max(side, smallest), 150)) for _ in range(2))
    rows = st.one_of(st.integers(0, height - side), st.sampled_from([0, height - side]))
    cols = st.one_of(st.integers(0, width - side), st.sampled_from([0, width - side]))
    return height, width, side, draw(st.lists(st.tuples(rows, cols), max_size=12))


@few
@given(layouts(), st.sampled_from([None, 16, 32, 64]), st.integers(0, 99))
def test_windows_of_geotiffs_are_those_read_alone(layout, block, seed):
    height, width, side, corners = layout
    pixels = [random_pixels(seed + i, height, width) for i in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        bands = [(Layer(write_raster(Path(folder, f"{i}.tif"), band, block), SAME),) for i, band in enumerate(pixels)]
        found = read_all(bands, [top for top, _ in corners], [left for _, left in corners], side)
    for position, (top, left) in enumerate(corners):
        alone = np.stack([band[top : top + side, left : left + side] for band in pixels], axis=-1)
        assert np.array_equal(found[position], alone)


@few
@given(layouts(smallest=64), st.sampled_from([32, 48, 64]), st.sampled_from([0, -1000]))
def test_windows_of_jpeg_2000_are_those_read_alone(layout, block, offset):
    height, width, side, corners = layout
    pixels = random_pixels(1, height, width, zeros=0.1)
    with tempfile.TemporaryDirectory() as folder:
        path = write_raster(Path(folder, "band.jp2"), pixels, block)
        tops, lefts = [top for top, _ in corners], [left for _, left in corners]
        found = read_all([(Layer(path, harmonisation_table(offset)),)], tops, lefts, side)
    expected = np.where(pixels == 0, 0, np.maximum(1, pixels.astype(int) + offset))
    for position, (top, left) in enumerate(corners):
        assert np.array_equal(found[position][..., 0], expected[top : top + side, left : left + side])


@few
@given(layouts(), st.integers(0, 99))
def test_the_second_layer_fills_the_zeros_of_the_first(layout, seed):
    height, width, side, corners = layout
    first, second, third = (random_pixels(seed + i, height, width, zeros=0.5) for i in range(3))
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_raster(Path(folder, f"{i}.tif"), p, 16) for i, p in enumerate((first, second, third))]
        # Each layer has its own offset; what is 0 before it is 0 after it.
        tables = [SAME, harmonisation_table(-1000), harmonisation_table(7)]
        band = tuple(Layer(path, table) for path, table in zip(paths, tables, strict=True))
        found = read_all([band], [top for top, _ in corners], [left for _, left in corners], side)
    moved = np.where(second > 0, np.maximum(1, second.astype(int) - 1000), 0)
    last = np.where(third > 0, third.astype(int) + 7, 0)
    merged = np.where(first > 0, first, np.where(moved > 0, moved, last))
    for position, (top, left) in enumerate(corners):
        assert np.array_equal(found[position][..., 0], merged[top : top + side, left : left + side])


class _Counted:
    """A raster that notes which windows are read of it."""

    def __init__(self, raster: Any, read: list[Window]) -> None:
        self._raster, self._windows = raster, read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raster, name)

    def read(self, band: int, window: Window) -> Any:
        self._windows.append(window)
        return self._raster.read(band, window=window)


def test_no_block_is_read_twice_and_none_without_need(tmp_path, monkeypatch):
    path = write_raster(tmp_path / "band.tif", random_pixels(3, 160, 160), 16)
    windows: list[Window] = []
    really_open = rasterio.open

    @contextmanager
    def counting_open(*args: Any, **options: Any) -> Iterator[_Counted]:
        with really_open(*args, **options) as raster:
            yield _Counted(raster, windows)

    monkeypatch.setattr(rasterio, "open", counting_open)
    # Overlapping windows across blocks on the left, one on the right, nothing in between and below row 112.
    tops, lefts, side = [3, 10, 30, 90, 1], [5, 20, 8, 140, 140], 20
    read_all([(Layer(path, SAME),)], tops, lefts, side)
    times = np.zeros((10, 10), dtype=int)
    for window in windows:
        rows, cols = window.toslices()
        assert rows.start % 16 == cols.start % 16 == 0
        times[rows.start // 16 : -(-rows.stop // 16), cols.start // 16 : -(-cols.stop // 16)] += 1
    needed = np.zeros((10, 10), dtype=bool)
    for top, left in zip(tops, lefts, strict=True):
        needed[top // 16 : (top + side - 1) // 16 + 1, left // 16 : (left + side - 1) // 16 + 1] = True
    assert times.max() == 1
    assert not times[7:].any()
    assert times[needed].all()


def test_no_windows_need_no_file():
    assert read_all([(Layer("/no/such/file.jp2", SAME),)], [], [], 120) == {}


def test_a_raster_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "band.jp2").write_bytes(b"no image")
    with pytest.raises(RasterioError):
        read_all([(Layer(str(tmp_path / "band.jp2"), SAME),)], [0], [0], 10)


def test_a_truncated_raster_is_an_error_and_not_zeros(tmp_path):
    path = Path(write_raster(tmp_path / "band.jp2", random_pixels(5, 256, 256), 64))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(RasterioError):
        read_all([(Layer(str(path), SAME),)], [0, 190], [0, 190], 60)
