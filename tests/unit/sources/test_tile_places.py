"""Which tiles a build has, and where they lie."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas
import pyogrio
import pytest
import shapely

from seasonet_build.config.models import AreaSection
from seasonet_build.errors import ConfigError, DataError
from seasonet_build.model.tiles import Tile, nominal_tile
from seasonet_build.sources.tiles import misplacement, place_tiles, read_tile_table, tile_names
from tests.unit.helpers import KIT, ULX, ULY, needs_kit, product_record

TABLE = "tile,epsg,ulx,uly\n32ULA,32632,300000,5600040\n32ULV,32632,300000,5500020\n"


def write_table(folder: Path, text: str = TABLE) -> Path:
    (folder / "tiles.csv").write_text(text, encoding="utf-8")
    return folder / "tiles.csv"


def write_outline(folder: Path, *boxes: tuple[float, float, float, float], crs: int = 32632) -> Path:
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(*box) for box in boxes], crs=32632).to_crs(crs)
    pyogrio.write_dataframe(frame, folder / "outline.gpkg")
    return folder / "outline.gpkg"


@needs_kit
def test_the_table_of_german_tiles_is_read():
    table = read_tile_table(KIT / "kit" / "s2_tiles_germany.csv")
    assert len(table) == 69
    assert all(tile == nominal_tile(name) for name, tile in table.items())


def test_tiles_of_another_size_state_it(tmp_path):
    table = read_tile_table(write_table(tmp_path, "tile,epsg,ulx,uly,size_m\n32UNA,32632,540000,5560020,3600\n"))
    assert table == {"32UNA": Tile("32UNA", 32632, 540_000, 5_560_020, 3600)}


@pytest.mark.parametrize(
    "text",
    [
        "name,epsg,ulx,uly\n32ULA,32632,300000,5600040\n",
        "tile,epsg,ulx\n32ULA,32632,300000\n",
        "tile,epsg,ulx,uly\n32ULA,32632,300000\n",
        "tile,epsg,ulx,uly\n32ULA,32632,west,5600040\n",
        "tile;epsg;ulx;uly\n32ULA;32632;300000;5600040\n",
        "tile,epsg,ulx,uly,size_m\n32ULA,32632,300000,5600040,large\n",
    ],
)
def test_tables_that_cannot_be_used_are_named_with_the_line(tmp_path, text):
    path = write_table(tmp_path, text)
    with pytest.raises(DataError, match=r"tiles\.csv, line 2: ") as caught:
        read_tile_table(path)
    assert str(path) in str(caught.value)


def test_a_table_that_is_no_text_or_not_there_is_named(tmp_path):
    (tmp_path / "tiles.csv").write_bytes(b"\xff\xfe\x00tile")
    for path in (tmp_path / "tiles.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_tile_table(path)


def test_a_tile_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigError, match="'32ZZZ' does not exist"):
        read_tile_table(write_table(tmp_path, "tile,epsg,ulx,uly\n32ZZZ,32632,0,0\n"))


def test_the_tiles_of_an_area(tmp_path):
    products = [product_record(tile="32UPA"), product_record(tile="32UNA"), product_record(tile="32UPA")]
    table = write_table(tmp_path)
    assert tile_names(AreaSection(), products) == ["32UNA", "32UPA"]
    assert tile_names(AreaSection(tile_table=table), products) == ["32ULA", "32ULV"]
    assert tile_names(AreaSection(tiles=("32ULV",), tile_table=table), products) == ["32ULV"]
    with pytest.raises(ConfigError, match=r"'32UNA' is not in .*tiles\.csv"):
        tile_names(AreaSection(tiles=("32UNA",), tile_table=table), products)


@pytest.mark.parametrize("crs", [32632, 4326])
def test_an_outline_chooses_the_tiles_whose_own_square_it_meets(tmp_path, crs):
    table = write_table(tmp_path)
    # In 32ULV's square; 32ULA reaches down here, but owns no patch so far south.
    inside = write_outline(tmp_path, (350_000, 5_495_000, 351_000, 5_499_000), crs=crs)
    assert tile_names(AreaSection(tile_table=table, outline=inside), []) == ["32ULV"]
    both = write_outline(tmp_path, (350_000, 5_495_000, 351_000, 5_501_000), crs=crs)
    assert tile_names(AreaSection(tile_table=table, outline=both), []) == ["32ULA", "32ULV"]


def test_an_outline_that_meets_no_tile_is_refused(tmp_path):
    outline = write_outline(tmp_path, (700_000, 5_900_000, 701_000, 5_901_000))
    with pytest.raises(ConfigError, match=r"area\.outline: none of the tiles \(32UNA\) meets .*outline\.gpkg"):
        tile_names(AreaSection(outline=outline), [product_record()])


def test_products_say_where_a_tile_lies(tmp_path):
    products = [product_record(size_m=3600), product_record(size_m=3600)]
    placed = place_tiles(AreaSection(), ["32UNA", "32UPA"], products)
    assert list(placed.values()) == [Tile("32UNA", 32632, ULX, ULY, 3600), nominal_tile("32UPA")]
    assert all(misplacement(product, placed) is None for product in products)


def test_products_that_lie_elsewhere_are_errors_whatever_their_order():
    start = datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC)
    usual = [product_record(start + timedelta(days=i), size_m=3600) for i in range(2)]
    other = product_record(start + timedelta(days=9), size_m=2400)
    for products in ([*usual, other], [other, *usual]):
        placed = place_tiles(AreaSection(), ["32UNA"], products)
        (error,) = [found for product in products if (found := misplacement(product, placed)) is not None]
        assert placed["32UNA"].size_m == 3600
        assert error.product == other.name
        assert "2400" in error.reason
        assert "3600" in error.reason


def test_a_table_of_tiles_in_another_zone_says_so(tmp_path):
    table = write_table(tmp_path, f"tile,epsg,ulx,uly,size_m\n32UNA,32633,{ULX},{ULY},1200\n")
    placed = place_tiles(AreaSection(tile_table=table), ["32UNA"], [product_record()])
    error = misplacement(product_record(), placed)
    assert error is not None
    assert "32633" in error.reason
    assert "32632" in error.reason
