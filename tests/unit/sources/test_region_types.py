"""Region types of places, held against measuring the distance to every region."""

import zipfile
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.config.models import DistrictRegions, LayerRegions, NoRegions, RegionLayer
from seasonet_build.errors import DataError
from seasonet_build.sources.regions import open_regions, region_types
from tests.unit.helpers import KIT, ULX, ULY, few, needs_kit

SQUARES = [shapely.box(ULX + 2000 * i, ULY - 2000, ULX + 2000 * i + 1500, ULY) for i in range(4)]
"""Four regions with gaps of 500 m between them."""

KEYS = ["01001", "01002", "09101", "16056"]
KTYP4, RTYP3, SLRAUM = [1, 2, 3, 4], [3, 1, 2, 3], [1, 1, 2, 2]
TABLE = "ags,name,ktyp4,slraum,rtyp3\n" + "".join(
    f'{key},"{key}, Stadt",{k},{s},{r}\n' for key, k, s, r in zip(KEYS, KTYP4, SLRAUM, RTYP3, strict=True)
)


def districts(folder: Path, table: str = TABLE, crs: int = 25832, **changes: Any) -> DistrictRegions:
    frame = geopandas.GeoDataFrame({"ags": KEYS}, geometry=SQUARES, crs=25832).to_crs(crs)
    pyogrio.write_dataframe(frame, folder / "districts.gpkg")
    (folder / "districts.csv").write_text(table, encoding="utf-8")
    fields = {"kind": "districts", "source": folder / "districts.gpkg", "table": folder / "districts.csv"}
    return DistrictRegions.model_validate({**fields, **changes})


def points(*metres_east: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return ULX + np.array(metres_east, dtype=float), np.full(len(metres_east), ULY - 1000.0)


def types_at(config: Any, *metres_east: float) -> list[tuple[int, int, int]]:
    """``slraum``, ``rtyp3`` and ``ktyp4`` of some places."""
    found = region_types(open_regions(config), *points(*metres_east), 32632)
    return list(zip(*(found[name].tolist() for name in ("slraum", "rtyp3", "ktyp4")), strict=True))


ROWS = list(zip(SLRAUM, RTYP3, KTYP4, strict=True))


@pytest.mark.parametrize("crs", [25832, 3035, 4326])
def test_places_inside_a_district_have_its_types(tmp_path, crs):
    assert types_at(districts(tmp_path, crs=crs), 10, 2010, 4010, 6010) == ROWS


def test_places_outside_take_the_nearest_within_reach(tmp_path):
    config = districts(tmp_path, max_distance_m=300)
    # 1600 is 100 m from the first, 1900 is 100 m from the second, 7900 is 400 m from the last.
    assert types_at(config, 1600, 1900, 7700, 7900, -299, -301) == [
        *(ROWS[0], ROWS[1], ROWS[3]),
        *((0, 0, 0), ROWS[0], (0, 0, 0)),
    ]
    assert types_at(districts(tmp_path, max_distance_m=0), 10, 1600) == [ROWS[0], (0, 0, 0)]


@few
@given(st.integers(0, 10_000), st.sampled_from([0.0, 100.0, 1000.0]))
def test_the_nearest_district_is_found_among_many(tmp_path_factory, seed, reach):
    folder = tmp_path_factory.mktemp("regions")
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 8000, (12, 2)) + np.array([ULX, ULY])
    polygons = [shapely.Point(x, y).buffer(random.uniform(50, 900)) for x, y in centres]
    keys = [f"{i:05}" for i in range(12)]
    frame = geopandas.GeoDataFrame({"ags": keys}, geometry=polygons, crs=25832)
    pyogrio.write_dataframe(frame, folder / "districts.gpkg")
    rows = [(key, i % 4 + 1, i % 3 + 1, i % 2 + 1) for i, key in enumerate(keys)]
    (folder / "districts.csv").write_text(
        "ags,ktyp4,rtyp3,slraum\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    )
    config = DistrictRegions(
        kind="districts", source=folder / "districts.gpkg", table=folder / "districts.csv", max_distance_m=reach
    )
    x, y = random.uniform(0, 8000, (2, 40)) + np.array([[ULX], [ULY]])
    found = region_types(open_regions(config), x, y, 32632)
    for i in range(40):
        distances = [polygon.distance(shapely.Point(x[i], y[i])) for polygon in polygons]
        nearest = int(np.argmin(distances))  # the first of those it lies in
        expected = rows[nearest][1:] if distances[nearest] <= reach else (0, 0, 0)
        assert tuple(int(found[name][i]) for name in ("ktyp4", "rtyp3", "slraum")) == expected


def test_slraum_follows_from_the_district_type_where_no_column_is_named(tmp_path):
    table = "ags,ktyp4,rtyp3\n" + "".join(f"{key},{k},1\n" for key, k in zip(KEYS, KTYP4, strict=True))
    config = districts(tmp_path, table, slraum="")
    assert [row[0] for row in types_at(config, 10, 2010, 4010, 6010)] == [1, 1, 2, 2]


def test_no_regions_leave_all_unknown():
    assert types_at(NoRegions(), 10, 2010) == [(0, 0, 0)] * 2


def test_no_places_have_no_types(tmp_path):
    assert types_at(districts(tmp_path)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("01002", "1002"), ("'01002'", "no row")),
        (lambda t: t.replace("ags,", "key,"), ("'ags'", "key, name, ktyp4")),
        (lambda t: t.replace("rtyp3", "RTYP"), ("'rtyp3'", "RTYP")),
        (lambda t: t.replace("16056", "09101"), ("'09101' twice",)),
        (lambda t: t.splitlines()[0] + "\n", ("no rows",)),
        (lambda t: "", ("cannot be read",)),
        (lambda t: t.replace(",4,2,3", ",5,2,3"), ("'5'", "ktyp4 (1 to 4)")),
        (lambda t: t.replace(",4,2,3", ",0,2,3"), ("'0'", "ktyp4")),
        (lambda t: t.replace(",4,2,3", ",4,3,3"), ("'3'", "slraum (1 to 2)")),
        (lambda t: t.replace(",4,2,3", ",4,2,4"), ("'4'", "rtyp3 (1 to 3)")),
        (lambda t: t.replace(",4,2,3", ",4,2,1.5"), ("'1.5'", "rtyp3")),
        (lambda t: t.replace(",4,2,3", ",vier,2,3"), ("'vier'", "ktyp4")),
        (lambda t: t.replace(",4,2,3", ",,2,3"), ("ktyp4",)),
        (lambda t: t.replace(",4,2,3", ",4,2,3,9,9"), ("cannot be read",)),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, change, words):
    with pytest.raises(DataError) as caught:
        open_regions(districts(tmp_path, change(TABLE)))
    for word in (str(tmp_path / "districts.csv"), *words):
        assert word in str(caught.value)


def test_other_encodings_and_missing_tables_are_named(tmp_path):
    config = districts(tmp_path)
    (tmp_path / "districts.csv").write_bytes(TABLE.replace("Stadt", "Köln").encode("latin-1"))
    with pytest.raises(DataError, match=r"districts\.csv: cannot be read"):
        open_regions(config)
    (tmp_path / "districts.csv").unlink()
    with pytest.raises(DataError, match=r"districts\.csv: cannot be read"):
        open_regions(config)


def test_a_key_that_the_districts_lack_is_named(tmp_path):
    with pytest.raises(DataError, match="no column like 'rs'; columns are ags"):
        open_regions(districts(tmp_path, key="rs"))


# ---------------------------------------------------------------------------------------- a layer for each type


def ge250(folder: Path, **columns: list[Any]) -> Path:
    """Layers like GE250's: a shapefile for each type, in a zip."""
    named = {"KTYP4": KTYP4, "RTYP3": RTYP3, **columns}
    for column, values in named.items():
        frame = geopandas.GeoDataFrame({column: values, "NAME": "x"}, geometry=SQUARES, crs=25832)
        pyogrio.write_dataframe(frame, folder / f"GE250_{column}.shp")
    with zipfile.ZipFile(folder / "ge250.zip", "w") as archive:
        for file in folder.glob("GE250_*"):
            archive.write(file, f"ge250.utm32s.shape/ge250/{file.name}")
    return folder / "ge250.zip"


def layer_regions(source: Path, **changes: Any) -> LayerRegions:
    fields: dict[str, Any] = {
        "ktyp4": RegionLayer(layer="ge250_k*", column="KTYP?"),
        "rtyp3": RegionLayer(layer="ge250_r*", column="rtyp3"),
    }
    return LayerRegions(kind="layers", source=source, **{**fields, **changes})


def test_layers_give_the_same_types_as_districts(tmp_path):
    assert types_at(layer_regions(ge250(tmp_path)), 10, 2010, 4010, 6010) == ROWS


def test_slraum_may_have_a_layer_of_its_own(tmp_path):
    source = ge250(tmp_path, SLRAUM=[2, 2, 1, 1])
    config = layer_regions(source, slraum=RegionLayer(layer="*slraum", column="SLRAUM"))
    assert [row[0] for row in types_at(config, 10, 2010, 4010, 6010)] == [2, 2, 1, 1]


def test_layers_have_a_reach_too(tmp_path):
    config = layer_regions(ge250(tmp_path), max_distance_m=200)
    assert types_at(config, 1600, 7600, 7800) == [ROWS[0], ROWS[3], (0, 0, 0)]


def test_wrong_values_in_layers_are_named(tmp_path):
    source = ge250(tmp_path, KTYP4=[1, 2, 3, 9])
    with pytest.raises(DataError, match=r"GE250_KTYP4: 9 is not a ktyp4 \(1 to 4\)"):
        types_at(layer_regions(source), 10, 6010)


def test_missing_and_ambiguous_layers_are_named(tmp_path):
    source = ge250(tmp_path)
    with pytest.raises(DataError, match="no layer like 'ge250_s"):
        open_regions(layer_regions(source, rtyp3=RegionLayer(layer="ge250_s*", column="x")))
    with pytest.raises(DataError, match="2 layers like 'ge250"):
        open_regions(layer_regions(source, rtyp3=RegionLayer(layer="ge250_*", column="x")))
    with pytest.raises(DataError, match="no column like 'SLRAUM'; columns are"):
        open_regions(layer_regions(source, rtyp3=RegionLayer(layer="ge250_r*", column="SLRAUM")))


@needs_kit
def test_types_of_real_places():
    config = DistrictRegions(
        kind="districts",
        source=KIT / "kit" / "regions" / "vg_krs.gpkg",
        table=KIT / "kit" / "regions" / "bbsr_krs_2017.csv",
    )
    # Saarbrücken's castle in zone 32, and the middle of the German Bight far from any district.
    x, y = np.array([354_100.0, 354_100.0]), np.array([5_454_700.0, 6_060_000.0])
    found = region_types(open_regions(config), x, y, 32632)
    assert found["slraum"].tolist() == [1, 0]
    assert found["ktyp4"][0] in (1, 2)
    assert found["rtyp3"].tolist()[1] == 0
