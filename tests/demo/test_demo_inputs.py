"""What `make_demo_inputs` promises: the layout of real deliveries, pixels that agree, the same bytes."""

from __future__ import annotations

import hashlib
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.geometry import Point

from seasonet_build.demo import make_demo_inputs
from seasonet_build.demo.ground import Ground, make_ground
from seasonet_build.demo.landcover import LAYER_FOLDER, write_landcover
from seasonet_build.demo.products import ACQUISITIONS, AREA, TILE_SIZE, TILES, write_acquisition
from seasonet_build.demo.regions import write_regions
from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct, write_product

pytestmark = pytest.mark.xdist_group("demo-inputs")

SEED = 2018
SEASONS = {"spring": ("201804", "201805"), "summer": ("201807", "201808"), "fall": ("201810", "201811")}
SEASONS["winter"] = ("201901", "201902")
CLOUD = (8, 9, 10)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo_inputs(folder, seed=SEED)
    return folder


@pytest.fixture(scope="module")
def ground() -> Ground:
    return make_ground(AREA, SEED)


def products(inputs: Path, *parts: str) -> list[Path]:
    """The products whose names hold every one of `parts`, by name."""
    return sorted(path for path in (inputs / "products").iterdir() if all(part in path.name for part in parts))


def members(product: Path) -> list[str]:
    """Paths inside a product, folder or zip."""
    if product.is_dir():
        return sorted(path.relative_to(product).as_posix() for path in product.rglob("*") if path.is_file())
    with zipfile.ZipFile(product) as archive:
        return sorted(name.partition("/")[2] for name in archive.namelist())


def content(product: Path, member: str) -> bytes:
    if product.is_dir():
        return (product / member).read_bytes()
    with zipfile.ZipFile(product) as archive:
        return archive.read(f"{product.stem}.SAFE/{member}")


def image(product: Path, band: str) -> NDArray[Any]:
    (member,) = [name for name in members(product) if f"_{band}_" in name]
    where = product / member if product.is_dir() else f"/vsizip/{product}/{product.stem}.SAFE/{member}"
    with rasterio.open(where) as source:
        return np.asarray(source.read(1))


def xml(product: Path, name: str) -> ET.Element:
    (member,) = [path for path in members(product) if path.endswith(name)]
    return ET.fromstring(content(product, member))


def enlarged(scl: NDArray[Any], resolution: int) -> NDArray[np.bool_]:
    """Where the 20 m classification has data, at another pixel size."""
    seen = scl > 0
    if resolution == 10:
        seen = seen.repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(seen[::3, ::3] if resolution == 60 else seen)


def patches(scl: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The 1200 m patches of both grids of a tile, each as 60 x 60 pixels of 20 m."""
    for offset in (0, 30):
        count = (scl.shape[0] - offset) // 60
        for row, col in np.ndindex(count, count):
            top, left = offset + 60 * row, offset + 60 * col
            yield scl[top : top + 60, left : left + 60]


# ---------------------------------------------------------------------------------------------- products


def test_every_season_has_two_dates_and_june_lies_outside(inputs):
    dates = defaultdict(set)
    for product in products(inputs):
        dates[product.name.split("_T")[1][:5]].add(product.name[11:19])
    for tile in TILES:
        for months in SEASONS.values():
            assert sum(day.startswith(months) for day in dates[tile]) >= 2
    assert len(products(inputs, "_20180606T")) == 1
    assert len(products(inputs)) == 21


def test_products_have_the_layout_of_real_ones(inputs):
    for product in products(inputs):
        name = product.name if product.is_dir() else f"{product.stem}.SAFE"
        start, tile = name.split("_")[2], name.split("_")[5][1:]
        (granule,) = {member.split("/")[1] for member in members(product) if member.startswith("GRANULE")}
        assert granule.startswith(f"L2A_T{tile}_A000")
        wanted = {"MTD_MSIL2A.xml", "manifest.safe", f"GRANULE/{granule}/MTD_TL.xml"}
        for band, resolution in {**BAND_RESOLUTION, "SCL": 20}.items():
            stem = f"T{tile}_{start}_{band}_{resolution}m.jp2"
            wanted.add(f"GRANULE/{granule}/IMG_DATA/R{resolution}m/{stem}")
        assert set(members(product)) == wanted


def test_images_lie_where_the_tile_lies(inputs):
    for tile, (ulx, uly) in TILES.items():
        (product,) = products(inputs, "20180719", tile)
        for band, resolution in {**BAND_RESOLUTION, "SCL": 20}.items():
            (path,) = product.rglob(f"*_{band}_*.jp2")
            with rasterio.open(path) as source:
                assert source.crs.to_epsg() == 32632
                assert source.transform == from_origin(ulx, uly, resolution, resolution)
                assert source.shape == (TILE_SIZE // resolution,) * 2
                assert source.dtypes[0] == ("uint8" if band == "SCL" else "uint16")
        geocoding = xml(product, "MTD_TL.xml")
        assert [element.text for element in geocoding.iter("ULX")] == [str(ulx)] * 3
        assert [element.text for element in geocoding.iter("NROWS")] == ["780", "390", "130"]


def test_digital_numbers_are_zero_exactly_where_there_is_no_data(inputs):
    for product in [*products(inputs, "20181104", "32UNA"), *products(inputs, "20180806", "32UPA")]:
        scl = image(product, "SCL")
        assert scl.max() <= 11
        for band, resolution in BAND_RESOLUTION.items():
            data = image(product, band)
            assert np.array_equal(data > 0, enlarged(scl, resolution))
            assert data.max() <= 9000
            assert data[data > 0].min() >= 150


def test_two_baselines_of_one_acquisition_agree_when_harmonised(inputs):
    (old,) = products(inputs, "20180420", "N0207", "32UNA")
    (new,) = products(inputs, "20180420", "N0500", "32UNA")
    assert not list(xml(old, "MTD_MSIL2A.xml").iter("BOA_ADD_OFFSET"))
    offsets = [element.text for element in xml(new, "MTD_MSIL2A.xml").iter("BOA_ADD_OFFSET")]
    assert offsets == ["-1000"] * 13
    assert np.array_equal(image(old, "SCL"), image(new, "SCL"))
    for band in BAND_RESOLUTION:
        raised = image(new, band).astype(np.int32)
        assert np.array_equal(np.where(raised == 0, 0, raised - 1000), image(old, band))


def test_split_granules_complement_each_other(inputs):
    first, second = products(inputs, "20180806", "32UPA")
    granules = {xml(product, "MTD_TL.xml").findtext(".//DATASTRIP_ID") for product in (first, second)}
    assert len(granules) == 2
    for band in [*BAND_RESOLUTION, "SCL"]:
        one, other = image(first, band), image(second, band)
        assert np.array_equal(one > 0, other == 0)
    joined = image(first, "B04") + image(second, "B04")
    (neighbour,) = products(inputs, "20180806", "32UNA")
    assert np.array_equal(joined[:, :282], image(neighbour, "B04")[:, 498:])


@pytest.mark.parametrize("day", ["20180420", "20190120"])
def test_the_ground_looks_the_same_in_both_tiles(inputs, day):
    west, east = (products(inputs, day, "N02", tile)[0] for tile in TILES)
    shift = TILES["32UPA"][0] - TILES["32UNA"][0]
    for band, resolution in {**BAND_RESOLUTION, "SCL": 20}.items():
        cut = shift // resolution
        assert np.array_equal(image(west, band)[:, cut:], image(east, band)[:, :-cut])


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("season", SEASONS)
def test_which_date_is_clearest_differs_from_patch_to_patch(inputs, tile, season):
    by_date: dict[str, NDArray[Any]] = {}
    for product in products(inputs, tile, "_N02"):
        day = product.name[11:19]
        if day[:6] in SEASONS[season]:
            # Split granules complement each other: their sum is the whole tile.
            by_date[day] = by_date.get(day, 0) + image(product, "SCL")
    # No data counts as cloud here.
    clouds = [[np.isin(patch, (0, *CLOUD)).mean() for patch in patches(scl)] for scl in by_date.values()]
    assert len(set(np.argmin(clouds, axis=0).tolist())) >= 2
    assert (np.min(clouds, axis=0) < 0.05).mean() > 0.4


def test_snow_lies_on_most_of_the_land_in_one_winter_scene(inputs):
    scl = np.hstack([image(product, "SCL") for product in products(inputs, "20190120")])
    assert 0.6 < (scl == 11).sum() / (scl != 6).sum() < 0.9
    assert np.isin(scl, CLOUD).mean() < 0.1


def test_metadata_gives_the_percentages_of_the_classification(inputs):
    (product,) = products(inputs, "20181104", "32UNA")
    scl, metadata = image(product, "SCL"), xml(product, "MTD_MSIL2A.xml")
    valid = scl[scl > 0]

    def percent(tag: str) -> float:
        return float(metadata.findtext(f".//{tag}") or "nan")

    assert percent("Cloud_Coverage_Assessment") == pytest.approx(100 * np.isin(valid, CLOUD).mean(), abs=1e-5)
    assert percent("THIN_CIRRUS_PERCENTAGE") == pytest.approx(100 * (valid == 10).mean(), abs=1e-5)
    assert percent("NODATA_PIXEL_PERCENTAGE") == pytest.approx(100 * (scl == 0).mean(), abs=1e-5)
    assert 5 < percent("NODATA_PIXEL_PERCENTAGE") < 60
    assert metadata.findtext(".//PRODUCT_URI") == product.name


def test_manifests_list_every_file_with_its_checksum(inputs):
    for product in [*products(inputs, "20180420"), *products(inputs, ".zip")]:
        algorithm = "SHA3-256" if "_N0500_" in product.name else "MD5"
        listed = set()
        for stream in xml(product, "manifest.safe").iter("byteStream"):
            location, checksum = stream.find("fileLocation"), stream.find("checksum")
            assert location is not None
            assert checksum is not None
            member = location.attrib["href"].removeprefix("./")
            data = content(product, member)
            listed.add(member)
            assert stream.attrib["size"] == str(len(data))
            assert checksum.attrib["checksumName"] == algorithm
            right = hashlib.md5(data).hexdigest() if algorithm == "MD5" else hashlib.sha3_256(data).hexdigest().upper()
            assert checksum.text == right
        assert listed == set(members(product)) - {"manifest.safe"}


# -------------------------------------------------------------------------------- land cover and regions


def read_landcover(inputs: Path) -> gpd.GeoDataFrame:
    parts = [gpd.read_file(inputs / "landcover" / LAYER_FOLDER / f"clc5_class{main}xx.shp") for main in "12345"]
    for main, part in zip("12345", parts, strict=True):
        assert part.crs is not None
        assert part.crs.to_epsg() == 25832
        assert part["CLC18"].str.startswith(main).all()
    return pd.concat(parts, ignore_index=True)


def test_rasterised_land_cover_gives_the_classes_back(inputs, ground):
    table = read_landcover(inputs)
    moved = table.to_crs(32632)
    values = zip(moved.geometry, moved["CLC18"].astype(int), strict=True)
    raster = rasterize(
        values,
        out_shape=AREA.shape,
        transform=from_origin(AREA.west, AREA.north, 10, 10),
        fill=0,
        dtype="uint16",
        all_touched=False,
    )
    assert np.array_equal(raster, np.where(ground.covered, ground.classes, 0))
    assert table.geometry.is_valid.all()
    # With the raster equal, equal areas leave no room for overlaps.
    assert table.geometry.area.sum() == 100 * ground.covered.sum()
    assert {"112", "121", "122", "131", "142", "324", "334", "411", "511", "512"} <= set(table["CLC18"])


def test_land_cover_leaves_a_strip_in_the_south_uncovered(ground):
    for ulx, uly in TILES.values():
        rows, cols = AREA.window(ulx, uly, TILE_SIZE)
        assert ground.covered[: rows.start + 600].all()
        last_row = ground.covered[rows.start + 600 : rows.start + 720, cols.start : cols.start + 720]
        whole = last_row.reshape(120, 6, 120).all(axis=(0, 2))
        assert not whole.all()
        assert not ground.covered[rows.stop - 1].any()


def test_districts_agree_with_their_table(inputs):
    districts = gpd.read_file(inputs / "regions" / "districts.gpkg")
    table = pd.read_csv(inputs / "regions" / "districts.csv", dtype={"ags": str})
    assert list(table.columns) == ["ags", "name", "ktyp4", "slraum", "rtyp3"]
    assert sorted(districts["ags"]) == sorted(table["ags"])
    assert table["ags"].str.fullmatch(r"\d{5}").all()
    assert (table["slraum"] == np.where(table["ktyp4"] <= 2, 1, 2)).all()
    assert districts.geometry.is_valid.all()
    whole = districts.geometry.union_all()
    assert whole.area == pytest.approx(districts.geometry.area.sum())
    ulx, uly = TILES["32UNA"]
    first_centre, second_centre = Point(ulx + 605, uly - 605), Point(ulx + 1805, uly - 605)
    assert 0 < whole.distance(first_centre) < 500
    assert whole.contains(second_centre)


# ------------------------------------------------------------------------------------- the same bytes


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(inputs, ground, tmp_path):
    write_landcover(tmp_path / "landcover", ground)
    write_regions(tmp_path / "regions")
    # Plain products, a zip, snow.
    for day in (datetime(2018, 10, 12), datetime(2019, 1, 20)):
        (acquisition,) = [each for each in ACQUISITIONS if each.start.date() == day.date()]
        write_acquisition(tmp_path / "products", ground, acquisition, SEED)
    again, first = digests(tmp_path), digests(inputs)
    assert len([name for name in again if name.startswith("products")]) > 40
    assert again == {name: first.get(name) for name in again}
    for part in ("landcover", "regions"):
        assert {name for name in first if name.startswith(part)} <= set(again)


def test_another_seed_gives_another_ground(ground):
    other = make_ground(AREA, SEED + 1)
    assert (other.classes != ground.classes).mean() > 0.3
    assert set(np.unique(other.classes)) == set(np.unique(ground.classes))


# --------------------------------------------------------------------------------------- single products


@pytest.fixture
def small() -> SyntheticProduct:
    return SyntheticProduct("32UNA", 32632, 594_000, 5_560_020, 1200, datetime(2018, 4, 18, 10, 40, 21))


def plain(product: SyntheticProduct) -> tuple[dict[str, NDArray[np.uint16]], NDArray[np.uint8]]:
    def ramp(resolution: int) -> NDArray[np.uint16]:
        side = product.size_m // resolution
        return np.arange(1, side * side + 1, dtype=np.uint16).reshape(side, side)

    bands = {band: ramp(resolution) for band, resolution in BAND_RESOLUTION.items()}
    return bands, np.full((product.size_m // 20,) * 2, 4, dtype=np.uint8)


def test_names_follow_the_product_fields(small):
    assert small.name == "S2A_MSIL2A_20180418T104021_N0207_R008_T32UNA_20180418T134021.SAFE"
    later = replace(small, platform="B", baseline="05.00", orbit=108, discriminator=datetime(2023, 8, 12, 9, 1, 44))
    assert later.name == "S2B_MSIL2A_20180418T104021_N0500_R108_T32UNA_20230812T090144.SAFE"
    moved = replace(small, datastrip_start=datetime(2018, 4, 18, 10, 40, 28))
    assert moved.granule == "L2A_T32UNA_A000008_20180418T104028"


def test_what_is_passed_is_written_without_loss(small, tmp_path):
    bands, scl = plain(small)
    del bands["B09"]
    product = write_product(tmp_path, small, bands, scl)
    assert not [name for name in members(product) if "_B09_" in name]
    for band, data in bands.items():
        assert np.array_equal(image(product, band), data)
    assert [path.name for path in tmp_path.iterdir()] == [small.name]


def test_old_baselines_prefix_file_names(small, tmp_path):
    product = write_product(tmp_path, replace(small, baseline="02.06"), *plain(small))
    images = [name.split("/")[-1] for name in members(product) if name.endswith(".jp2")]
    assert len(images) == 13
    assert all(name.startswith("L2A_T32UNA_20180418T104021_") for name in images)


def test_a_zip_holds_the_folder_and_writing_again_replaces(small, tmp_path):
    folder = write_product(tmp_path, small, *plain(small))
    packed = write_product(tmp_path, small, *plain(small), zipped=True)
    before = packed.read_bytes()
    assert packed.name == small.name.replace(".SAFE", ".zip")
    assert {name: content(packed, name) for name in members(packed)} == {
        name: content(folder, name) for name in members(folder)
    }
    write_product(tmp_path, small, *plain(small))
    write_product(tmp_path, small, *plain(small), zipped=True)
    assert packed.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [small.name, packed.name]


def test_wrong_shapes_and_corners_are_refused(small, tmp_path):
    bands, scl = plain(small)
    with pytest.raises(ValueError, match="expected 60 x 60 pixels"):
        write_product(tmp_path, small, bands, scl[1:])
    with pytest.raises(ValueError, match="multiples of 60"):
        replace(small, ulx=594_010)
