"""The land-cover map in the forms in which it is delivered, and maps that cannot be used."""

import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.classes import OTHER_CLASS, raster_code
from seasonet_build.sources.landcover import open_land_cover, rasterise, require_overlap
from seasonet_build.sources.vector import find_layers, source_files
from tests.unit.helpers import ULX, ULY, small_tile

TILE = small_tile(3600)
CODES = ("112", "211", "231", "311", "312", "334", "411", "512")


@pytest.fixture(scope="module")
def polygons() -> geopandas.GeoDataFrame:
    """A map without gaps that reaches beyond the tile; the edges bend with the projection."""
    random = np.random.default_rng(5)
    west, south, east, north = TILE.bounds
    points = random.uniform((west - 500, south - 500), (east + 500, north + 500), (80, 2))
    frame = shapely.box(west - 500, south - 500, east + 500, north + 500)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=frame))
    cells = shapely.segmentize(shapely.intersection(cells, frame), 50)
    codes = random.choice(CODES, len(cells))
    return geopandas.GeoDataFrame({"CLC18": codes, "Shape_Area": shapely.area(cells)}, geometry=cells, crs=25832)


def write(frame: geopandas.GeoDataFrame, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.write_dataframe(frame, path, **options)
    return path


def write_as_bkg_does(frame: geopandas.GeoDataFrame, folder: Path) -> Path:
    """Five shapefiles by main class, and papers beside them."""
    for main in "12345":
        part = frame[frame["CLC18"].str.startswith(main)]
        write(part, folder / "clc5_2018.utm32s.shape" / "clc5" / f"clc5_class{main}xx.shp")
    (folder / "clc5_2018.utm32s.shape" / "aktualitaet.txt").write_text("2022-03")
    (folder / "clc5_2018.utm32s.shape" / "dokumentation").mkdir()
    (folder / "clc5_2018.utm32s.shape" / "dokumentation" / "clc5.pdf").write_bytes(b"%PDF")
    return folder


def pack(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in source_files(folder):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def raster_of(
    source: Path, layers: str = "clc5_class*", column: str = "CLC18", crs: str | None = None
) -> NDArray[np.uint8]:
    return rasterise(open_land_cover(source, layers, column, crs), TILE)


@pytest.fixture(scope="module")
def owner(polygons) -> NDArray[np.int64]:
    """For each pixel the polygon that its centre lies in."""
    along = (np.arange(360) + 0.5) * 10
    x, y = np.meshgrid(ULX + along, ULY - along)
    polygon, point = shapely.STRtree(shapely.points(x.ravel(), y.ravel())).query(
        polygons.geometry.to_numpy(), predicate="contains"
    )
    assert len(point) == 360 * 360
    found = np.empty(360 * 360, dtype=np.int64)
    found[point] = polygon
    return found.reshape(360, 360)


@pytest.fixture(scope="module")
def expected(polygons, owner) -> NDArray[np.uint8]:
    codes = np.array([raster_code(code) for code in polygons["CLC18"]], dtype=np.uint8)
    of_pixel: NDArray[np.uint8] = codes[owner]
    return of_pixel


def test_all_forms_of_a_map_give_the_same_raster(polygons, expected, tmp_path):
    folder = write_as_bkg_does(polygons, tmp_path / "delivery")
    sources = {
        "folder": folder,
        "zip": pack(folder, tmp_path / "clc5.zip"),
        "geopackage": write(polygons, tmp_path / "clc5.gpkg", layer="clc5_class_all"),
        "one layer of any name": write(polygons, tmp_path / "map.fgb"),
        "shapefile": write(polygons, tmp_path / "shape" / "map.shp"),
        "another zone": write(polygons.to_crs(25833), tmp_path / "zone33.gpkg"),
        "EEA's projection": write(polygons.to_crs(3035), tmp_path / "laea.gpkg"),
        "degrees": write(polygons.to_crs(4326), tmp_path / "degrees.gpkg"),
    }
    assert expected.all()
    assert OTHER_CLASS in expected
    for name, source in sources.items():
        assert np.array_equal(raster_of(source), expected), name


@pytest.mark.parametrize("pattern", ["CLC??", "clc21", "CLC*", "*21"])
def test_the_column_may_be_a_pattern(polygons, expected, tmp_path, pattern):
    renamed = polygons.rename(columns={"CLC18": "CLC21"})
    source = write(renamed, tmp_path / "CLC5ha_2021.gpkg")
    assert np.array_equal(raster_of(source, column=pattern), expected)


def test_numbers_will_do_as_codes(polygons, expected, tmp_path):
    numbers = polygons.assign(CLC18=polygons["CLC18"].astype(int))
    assert np.array_equal(raster_of(write(numbers, tmp_path / "map.gpkg")), expected)


def test_layers_are_chosen_by_pattern(polygons, expected, tmp_path):
    write(polygons, tmp_path / "map.gpkg", layer="clc5_class1xx")
    write(polygons.assign(CLC18="523"), tmp_path / "map.gpkg", layer="other")
    assert [layer.name for layer in find_layers(tmp_path / "map.gpkg", "CLC5_class*")] == ["clc5_class1xx"]
    assert np.array_equal(raster_of(tmp_path / "map.gpkg"), expected)


def test_a_coordinate_system_may_be_stated(polygons, expected, tmp_path):
    source = write(polygons, tmp_path / "shape" / "map.shp")
    source.with_suffix(".prj").unlink()
    assert np.array_equal(raster_of(source, crs="EPSG:25832"), expected)
    with pytest.raises(DataError, match="has no coordinate system"):
        raster_of(source)
    with pytest.raises(DataError, match="'EPSG:123456' is not known"):
        raster_of(source, crs="EPSG:123456")


def test_where_the_map_ends_the_raster_is_zero(polygons, owner, expected, tmp_path):
    in_west = (polygons.geometry.centroid.x < ULX + 1800).to_numpy()
    raster = raster_of(write(polygons[in_west], tmp_path / "map.gpkg"))
    assert np.array_equal(raster, np.where(in_west[owner], expected, 0))
    assert (raster == 0).any()


def test_holes_in_polygons_are_no_map(tmp_path):
    ring = shapely.box(ULX + 5, ULY - 3595, ULX + 3595, ULY - 5) - shapely.box(
        ULX + 1005, ULY - 1505, ULX + 1505, ULY - 1005
    )
    frame = geopandas.GeoDataFrame({"CLC18": ["312"]}, geometry=[ring], crs=25832)
    raster = raster_of(write(frame, tmp_path / "map.gpkg"))
    # The edges run through centres of pixels: only what is off them is certain.
    assert (raster[2:-2, 2:-2][110:140, 110:140] == 0).all()
    assert (raster[2:-2, 2:98] == 17).all()


def test_an_empty_layer_does_no_harm(polygons, expected, tmp_path):
    folder = write_as_bkg_does(polygons, tmp_path)
    write(polygons[:0], folder / "clc5_2018.utm32s.shape" / "clc5" / "clc5_class6xx.shp", geometry_type="Polygon")
    assert np.array_equal(raster_of(folder), expected)


# -------------------------------------------------------------------------------------------- unusable maps


def refused(source: Path, *words: str, layers: str = "clc5_class*", column: str = "CLC18") -> None:
    with pytest.raises(DataError) as caught:
        raster_of(source, layers, column)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(source), *words):
        assert word in message


def test_a_missing_column_is_answered_with_the_columns(polygons, tmp_path):
    source = write(polygons, tmp_path / "map.gpkg")
    refused(source, "'CLC??x'", "CLC18, Shape_Area", column="CLC??x")


def test_two_columns_are_too_many(polygons, tmp_path):
    source = write(polygons.assign(CLC15=polygons["CLC18"]), tmp_path / "map.gpkg")
    refused(source, "2 columns", "CLC15", "CLC18", column="CLC??")


def test_a_missing_layer_is_answered_with_the_layers(polygons, tmp_path):
    for layer in ("north", "south"):
        write(polygons, tmp_path / "map.gpkg", layer=layer)
    refused(tmp_path / "map.gpkg", "no layer like 'clc5_class*'", "north, south")


@pytest.mark.parametrize("code", ["999", "", "1120", "Wald"])
def test_a_code_that_is_not_corines_is_named(polygons, tmp_path, code):
    changed = polygons.copy()
    changed.loc[3, "CLC18"] = code
    refused(write(changed, tmp_path / "map.gpkg"), repr(code), "CLC18", "CORINE")


def test_a_code_that_is_missing_is_refused(polygons, tmp_path):
    changed = polygons.copy()
    changed.loc[3, "CLC18"] = None
    refused(write(changed, tmp_path / "map.gpkg"), "CLC18", "CORINE")


@pytest.mark.parametrize("name", ["map.gpkg", "map.zip", "map.shp", "map.geojson"])
@pytest.mark.parametrize("content", [b"", b"no map", bytes(3000)])
def test_files_that_are_no_map_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["map.gpkg", "map.fgb", "map.zip"])
def test_truncated_maps_are_refused(polygons, tmp_path, name, share):
    if name == "map.zip":
        source = pack(write_as_bkg_does(polygons, tmp_path / "delivery"), tmp_path / name)
    else:
        source = write(polygons, tmp_path / name)
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    refused(source)


@pytest.mark.parametrize("suffix", [".shp", ".shx", ".dbf"])
def test_a_shapefile_that_is_cut_or_lacks_a_part_is_refused(polygons, tmp_path, suffix):
    source = write(polygons, tmp_path / "map.shp")
    part = source.with_suffix(suffix)
    data = part.read_bytes()
    part.write_bytes(data[: len(data) * 6 // 10])
    refused(source)
    part.unlink()
    refused(source)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path):
    refused(tmp_path / "none.gpkg", "no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no layer")


def test_a_map_of_elsewhere_is_refused(polygons, tmp_path):
    moved = polygons.set_geometry(polygons.geometry.translate(50_000, 0))
    source = write(moved, tmp_path / "map.gpkg")
    land_cover = open_land_cover(source, "*", "CLC18", None)
    assert not rasterise(land_cover, TILE).any()
    with pytest.raises(DataError, match=r"map\.gpkg.*does not meet the area.*32UNA"):
        require_overlap(land_cover, [TILE])
    require_overlap(open_land_cover(write(polygons, tmp_path / "own.gpkg"), "*", "CLC18", None), [TILE])
