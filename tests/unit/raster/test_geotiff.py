"""Patch files: what rasterio reads back, and bytes that do not change."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Interleaving
from rasterio.transform import from_origin

from seasonet_build.raster.geotiff import Compression, write_geotiff
from tests.unit.helpers import few

NAMES = ("B04", "B03", "B02", "B05", "B06", "B07")
COMPRESSIONS = [
    *(Compression("zstd", level, predictor) for level in (1, 9, 15) for predictor in (1, 2)),
    *(Compression("deflate", level, predictor) for level in (1, 9) for predictor in (1, 2)),
    Compression("none", 9, 1),
    Compression("none", 9, 2),
]


def write(path: Path, pixels: NDArray[Any], compression: Compression, corner: tuple[int, int] = (399_960, 5_990_400)):
    names = NAMES[: len(pixels)]
    write_geotiff(path, pixels, epsg=32633, corner=corner, resolution=20, bands=names, compression=compression)


def random_image(seed: int, n: int, side: int, dtype: str) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (n, side, side), dtype=dtype, endpoint=True)


@few
@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 70),
    st.sampled_from(["uint8", "uint16"]),
    st.sampled_from(COMPRESSIONS),
    st.tuples(st.integers(100_000, 900_000), st.integers(0, 9_999_999)),
)
def test_what_is_written_is_read(seed, n, side, dtype, compression, corner):
    pixels = random_image(seed, n, side, dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "patch.tif")
        write(path, pixels, compression, corner)
        assert_reads_back(path, pixels, corner)
        assert list(path.parent.iterdir()) == [path]


def assert_reads_back(path: Path, pixels: NDArray[Any], corner: tuple[int, int]) -> None:
    n, dtype = len(pixels), pixels.dtype.name
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(), pixels)
        assert file.dtypes == (dtype,) * n
        assert file.crs.to_epsg() == 32633
        assert file.transform == from_origin(*corner, 20, 20)
        assert file.descriptions == NAMES[:n]
        assert file.nodata is None


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_compression_and_predictor_are_those_asked_for(tmp_path, compression):
    write(tmp_path / "patch.tif", random_image(1, 6, 60, "uint16"), compression)
    with rasterio.open(tmp_path / "patch.tif") as file:
        stated = file.compression.value.lower() if file.compression else "none"
        assert stated == {"zstd": "zstd", "deflate": "deflate", "none": "none"}[compression.method]
        predictor = file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR", "1")
        assert predictor == (str(compression.predictor) if compression.method != "none" else "1")
        assert file.interleaving == Interleaving.pixel
        if compression.method != "none":  # GDAL reads an uncompressed strip in parts
            assert file.block_shapes == [(60, 60)] * 6


@pytest.mark.parametrize("compression", [c for c in COMPRESSIONS if c.method != "deflate"], ids=str)
def test_the_file_is_the_one_that_gdal_writes(tmp_path, compression):
    pixels = random_image(2, 6, 60, "uint16")
    write(tmp_path / "patch.tif", pixels, compression)
    level = {"zstd": "zstd_level", "deflate": "zlevel"}.get(compression.method)
    options: dict[str, Any] = {"compress": compression.method, "interleave": "pixel", "blockysize": 60}
    options |= {level: compression.level, "predictor": compression.predictor} if level else {}
    with rasterio.open(
        tmp_path / "gdal.tif", "w", driver="GTiff", width=60, height=60, count=6, dtype="uint16", crs="EPSG:32633",
        transform=from_origin(399_960, 5_990_400, 20, 20), **options,
    ) as file:  # fmt: skip
        file.descriptions = NAMES
        file.write(pixels)
    assert (tmp_path / "patch.tif").read_bytes() == (tmp_path / "gdal.tif").read_bytes()


def test_the_same_pixels_give_the_same_bytes(tmp_path):
    for name in ("first.tif", "again.tif"):
        write(tmp_path / name, random_image(3, 3, 120, "uint16"), COMPRESSIONS[0])
        # Another file of the same kind in between leaves no trace in the next one.
        write(tmp_path / "other.tif", random_image(4, 3, 120, "uint16"), COMPRESSIONS[0], (500_000, 5_000_040))
    assert (tmp_path / "first.tif").read_bytes() == (tmp_path / "again.tif").read_bytes()
    assert (tmp_path / "first.tif").read_bytes() != (tmp_path / "other.tif").read_bytes()


@pytest.mark.parametrize("value", [0, 1, 65_535])
def test_uniform_images_keep_their_pixels(tmp_path, value):
    pixels = np.full((3, 120, 120), value, dtype=np.uint16)
    write(tmp_path / "patch.tif", pixels, COMPRESSIONS[1])
    with rasterio.open(tmp_path / "patch.tif") as file:
        assert np.array_equal(file.read(), pixels)
