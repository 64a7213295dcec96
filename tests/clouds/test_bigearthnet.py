"""Reading BigEarthNet's folders and lists: small real files of both versions."""

import gzip
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from numpy.typing import NDArray

from seasonet_build.clouds.bigearthnet import read_bigearthnet
from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import FEATURES, patch_features
from seasonet_build.clouds.images import GROUPS, PatchImages
from seasonet_build.errors import DataError
from seasonet_build.model.bands import BAND_RESOLUTION

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

CLEAR_1, CLOUDY_1 = "S2A_MSIL2A_20170613T101031_0_48", "S2B_MSIL2A_20180204T094161_12_7"
CLEAR_2 = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57"
CLOUDY_2 = "S2B_MSIL2A_20180204T094159_N9999_R036_T35VPK_03_89"


def write_band(path: Path, pixels: NDArray[np.generic]) -> None:
    shape = {"height": pixels.shape[0], "width": pixels.shape[1], "count": 1}
    with rasterio.open(path, "w", driver="GTiff", dtype=pixels.dtype, **shape) as file:
        file.write(pixels, 1)


def write_patch(folder: Path, seed: int, tile: str | None = None) -> PatchImages:
    """Write the bands of a patch that are read, and version 1's metadata if a tile is given."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    groups = []
    for group in GROUPS:
        side = 1200 // BAND_RESOLUTION[group[0]]
        pixels = rng.integers(1, 12_000, (side, side, len(group))).astype(np.uint16)
        for number, band in enumerate(group):
            write_band(folder / f"{folder.name}_{band}.tif", pixels[..., number])
        groups.append(pixels[np.newaxis])
    if tile is not None:
        product = f"S2A_MSIL1C_20170613T101031_N0205_R022_T{tile}_20170613T101608.SAFE"
        told = {"labels": ["Pastures"], "tile_source": product, "acquisition_date": "2017-06-13 10:10:31"}
        (folder / f"{folder.name}_labels_metadata.json").write_text(json.dumps(told))
    return PatchImages(groups[0], groups[1], groups[2][..., 0])


def features(images: PatchImages) -> NDArray[np.float64]:
    unknown = np.array([np.nan])
    return patch_features(images, unknown, unknown).reshape(-1)


def write_list(path: Path, names: Iterable[str]) -> Path:
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def read_1(root: Path, snowy: Iterable[str] = (CLEAR_1,), cloudy: Iterable[str] = (CLOUDY_1,)) -> Examples:
    lists = [write_list(root.parent / f"{kind}.csv", names) for kind, names in (("snowy", snowy), ("cloudy", cloudy))]
    return read_bigearthnet(root, lists[0], lists[1], offset=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of version 1 with a clear and a cloudy patch."""
    folder = tmp_path / "BigEarthNet-v1.0"
    write_patch(folder / CLEAR_1, 1, "33UUP")
    write_patch(folder / CLOUDY_1, 2, "35VPK")
    return folder


def test_version_1(root: Path) -> None:
    found = read_1(root)
    assert found.ids == (CLEAR_1, CLOUDY_1)
    assert found.dates == ("2017-06-13", "2018-02-04")
    assert found.tiles == ("33UUP", "35VPK")
    assert found.cloudy.tolist() == [False, True]
    assert found.uniform.all()
    assert found.source == "BigEarthNet"
    assert found.features.shape == (2, len(FEATURES))
    shares = [[*FEATURES].index(name) for name in ("scl_cloud", "scl_snow")]
    assert np.isnan(found.features[:, shares]).all()
    assert not np.isnan(np.delete(found.features, shares, axis=1)).any()


def test_version_2_with_its_own_table(tmp_path: Path) -> None:
    root = tmp_path / "BigEarthNet-S2"
    written = {name: write_patch(root / name.rsplit("_", 2)[0] / name, 3) for name in (CLOUDY_2, CLEAR_2)}
    table = tmp_path / "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
    names = [CLOUDY_2, CLEAR_2, CLEAR_2.replace("_57", "_58")]
    columns = {
        "patch_id": names,
        "labels": [["Pastures"]] * 3,
        "contains_seasonal_snow": [True, True, False],
        "contains_cloud_or_shadow": [True, False, False],
    }
    pq.write_table(pa.table(columns), table)
    found = read_bigearthnet(root, table, table, 0)
    assert found.ids == (CLEAR_2, CLOUDY_2)
    assert found.dates == ("2017-06-13", "2018-02-04")
    assert found.tiles == ("33UUP", "35VPK")
    assert found.cloudy.tolist() == [False, True]
    np.testing.assert_array_equal(found.features[1], features(written[CLOUDY_2]))


def test_the_offset_is_taken_off(tmp_path: Path) -> None:
    images = write_patch(tmp_path / "root" / CLEAR_1, 4, "33UUP")
    lists = write_list(tmp_path / "snowy.csv", [CLEAR_1]), write_list(tmp_path / "cloudy.csv", [])
    found = read_bigearthnet(tmp_path / "root", *lists, -1000)
    lower = [np.maximum(1, band.astype(int) - 1000).astype(np.uint16) for band in vars(images).values()]
    np.testing.assert_array_equal(found.features[0], features(PatchImages(*lower)))
    assert (found.features[0] != features(images)).any()


@pytest.mark.parametrize("offset", [1000, -1, 5])
def test_an_offset_that_no_product_has_is_refused(root: Path, tmp_path: Path, offset: int) -> None:
    lists = write_list(tmp_path / "snowy.csv", [CLEAR_1]), write_list(tmp_path / "cloudy.csv", [])
    with pytest.raises(DataError, match="0 or -1000"):
        read_bigearthnet(root, *lists, offset)


def test_a_patch_on_both_lists_is_cloudy(root: Path) -> None:
    found = read_1(root, snowy=[CLEAR_1, CLOUDY_1], cloudy=[CLOUDY_1])
    assert dict(zip(found.ids, found.cloudy.tolist(), strict=True)) == {CLEAR_1: False, CLOUDY_1: True}


def test_patches_that_are_not_there_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = [f"S2A_MSIL2A_20170613T101031_{row}_1" for row in range(5)]
    with caplog.at_level(logging.WARNING):
        found = read_1(root, snowy=[*missing, CLEAR_1])
    assert found.ids == (CLEAR_1, CLOUDY_1)
    assert [record.getMessage() for record in caplog.records] == [
        f"{root}: 5 of the 7 patches on the lists are not there and are left out"
    ]


def test_lists_may_be_gzipped_and_of_windows_form(root: Path, tmp_path: Path) -> None:
    snowy, cloudy = tmp_path / "snowy.csv.gz", tmp_path / "cloudy.csv"
    snowy.write_bytes(gzip.compress(f"{CLEAR_1}\n{CLEAR_1}\n".encode()))
    cloudy.write_bytes(f"\ufeff{CLOUDY_1}\r\n\r\n".encode())
    assert read_bigearthnet(root, snowy, cloudy, 0).ids == (CLEAR_1, CLOUDY_1)


def test_order_of_lists_does_not_matter_and_limits_are_repeatable(tmp_path: Path) -> None:
    names = [f"S2A_MSIL2A_20170613T101031_{row}_{row}" for row in range(6)]
    for number, name in enumerate(names):
        write_patch(tmp_path / "root" / name, number, "33UUP")
    cloudy = write_list(tmp_path / "cloudy.csv", names[:3])

    def read(order: list[str], limit: int | None) -> Examples:
        return read_bigearthnet(tmp_path / "root", write_list(tmp_path / "snowy.csv", order), cloudy, 0, limit)

    assert read(names, None).ids == read(names[::-1], None).ids == tuple(names)
    some, again = read(names, 2), read(names[::-1], 2)
    assert some.ids == again.ids
    np.testing.assert_array_equal(some.features, again.features)
    assert some.cloudy.tolist().count(True) == 2
    assert len(some) == 4
    # What a smaller limit chooses, a larger one chooses too.
    assert {*read(names, 1).ids} < {*some.ids}


def test_nothing_there_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="has none of the 1 patches"):
        read_1(root, snowy=[CLEAR_1.replace("_48", "_49")], cloudy=[])


def test_a_missing_root_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        read_1(root.with_name("elsewhere"))


@pytest.mark.parametrize(
    "name",
    ["patch_id", "../../etc/passwd", f"../{CLEAR_1}", f"{CLEAR_1}/..", "S2A_MSIL1C_20170613T101031_0_48", "x" * 5000],
)
def test_names_of_another_form_are_refused(root: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"snowy.csv: name 2, .* is not that of a BigEarthNet patch") as caught:
        read_1(root, snowy=[CLEAR_1, name])
    assert len(str(caught.value)) < 1000


BAD_LISTS = {
    "missing": None,
    "binary": b"\xff\xfe\x00",
    "gzip.gz": b"not gzipped",
    "cut.gz": gzip.compress(CLEAR_1.encode())[:-12],
    "damaged.parquet": b"PAR1 and no more",
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_damaged_lists_are_refused(root: Path, tmp_path: Path, name: str) -> None:
    path, cloudy = tmp_path / name, write_list(tmp_path / "cloudy.csv", [])
    content = BAD_LISTS[name]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: cannot be read as a list") as caught:
        read_bigearthnet(root, path, cloudy, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "lacking"),
    [
        ({"patch_id": [CLEAR_2]}, "contains_cloud_or_shadow"),
        ({"contains_cloud_or_shadow": [True]}, "patch_id"),
        ({"patch_id": [CLEAR_2], "contains_cloud_or_shadow": ["yes"]}, "contains_cloud_or_shadow"),
        ({"patch_id": [7], "contains_cloud_or_shadow": [True]}, "patch_id"),
    ],
)
def test_tables_without_the_columns_are_refused(
    root: Path, tmp_path: Path, columns: dict[str, list[object]], lacking: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    with pytest.raises(DataError, match=f"has no column {lacking}"):
        read_bigearthnet(root, tmp_path / "list.parquet", tmp_path / "list.parquet", 0)


DAMAGE: dict[str, tuple[bytes | NDArray[np.generic] | None, str]] = {
    "B11": (b"", "cannot be read"),
    "B04": (b"II*\x00 and no more", "cannot be read"),
    "B09": (np.ones((21, 20), np.uint16), "20 x 21 px"),
    "B8A": (np.ones((60, 60), np.uint8), "of uint8"),
    "B02": (None, "cannot be read"),
}


@pytest.mark.parametrize("band", DAMAGE)
def test_damaged_bands_are_refused(root: Path, band: str) -> None:
    path = root / CLEAR_1 / f"{CLEAR_1}_{band}.tif"
    content, reason = DAMAGE[band]
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        write_band(path, content)
    with pytest.raises(DataError, match=reason) as caught:
        read_1(root)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"{}", b"\xff", b'{"tile_source": 7}', b'{"tile_source": "a tile"}', b"[" * 100_000],
)
def test_metadata_that_do_not_tell_the_tile_are_refused(root: Path, content: bytes | None) -> None:
    path = root / CLEAR_1 / f"{CLEAR_1}_labels_metadata.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read|does not tell the tile") as caught:
        read_1(root)
    assert str(path) in str(caught.value)
