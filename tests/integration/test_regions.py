"""Region types of the kit's locations, against a naive look at every district."""

import pandas as pd
import pytest

from tests.integration.reference import reference_cells, reference_region_types, reference_tiles

pytestmark = pytest.mark.xdist_group("kit")

TYPES = ["SLRAUM", "RTYP3", "KTYP4"]


def test_every_location_has_the_types_of_the_district_that_holds_its_centre(kit, kit_build):
    locations = pd.read_parquet(kit_build.workspace / "tables" / "locations.parquet")
    x, y = locations["x"].to_numpy(float) + 600, locations["y"].to_numpy(float) - 600
    expected = reference_region_types(kit, x, y)
    assert expected.nunique().min() >= 2, "all locations are of one type: the test would not show much"
    for name in TYPES:
        found = locations[name.lower()].astype("Int64").astype("string").fillna("")
        wrong = found.to_numpy() != expected[name].to_numpy()
        assert locations.loc[wrong, ["tile", "grid", "row", "col"]].to_numpy().tolist() == [], name


def test_every_sample_states_the_types_of_its_location(kit, kit_build):
    meta = pd.read_csv(kit_build.dataset / "meta.csv", dtype=str, keep_default_na=False)
    meta["tile"] = meta["Path"].str.rsplit("/").str[-1].str.split("_").str[0]
    tiles = reference_tiles(kit)
    cells = pd.concat([reference_cells(tiles[name]) for name in sorted(set(meta["tile"]))])
    cells = cells.assign(Grid=cells["grid"].astype(str))
    placed = meta.merge(
        cells, left_on=["tile", "Grid", "Latitude", "Longitude"], right_on=["tile", "Grid", "lat", "lon"]
    )
    assert len(placed) == len(meta)
    expected = reference_region_types(kit, placed["x"].to_numpy(float) + 600, placed["y"].to_numpy(float) - 600)
    assert placed[TYPES].to_numpy().tolist() == expected[TYPES].to_numpy().tolist()
