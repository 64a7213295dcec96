"""Write the demo's invented districts: polygons in a GeoPackage, and a table with their region types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from shapely.geometry import Polygon

CRS = "EPSG:25832"
POLYGON_FILE, TABLE_FILE = "districts.gpkg", "districts.csv"

# Corners that neighbouring districts share, in metres. The west edge runs about 900 m inside the western tile:
# the centres of its first column of patches lie in no district, but near one.
_CORNERS = {
    "nw": (594_900, 5_562_500),
    "n": (601_400, 5_562_900),
    "ne": (609_300, 5_562_100),
    "w": (594_950, 5_556_300),
    "a": (597_300, 5_556_900),
    "b": (599_800, 5_555_700),
    "c": (600_900, 5_558_100),
    "d": (603_700, 5_556_600),
    "e": (608_900, 5_557_200),
    "sw": (594_850, 5_549_700),
    "s": (600_300, 5_549_300),
    "se": (609_600, 5_549_900),
}


@dataclass(frozen=True)
class District:
    """A district: key, name, region types of GE250 and the corners of its outline."""

    ags: str
    name: str
    ktyp4: int
    slraum: int
    rtyp3: int
    corners: tuple[str, ...]


# Keys that begin with 00 belong to no German state, and are lost by readers that take them for numbers.
DISTRICTS = (
    District("00101", "Lindfurt, Stadt", 1, 1, 1, ("nw", "n", "c", "b", "a", "w")),
    District("00102", "Hohenweide", 2, 1, 1, ("n", "ne", "e", "d", "c")),
    District("00203", "Auenried", 3, 2, 2, ("w", "a", "b", "s", "sw")),
    District("00204", "Moorgau", 4, 2, 3, ("b", "c", "d", "e", "se", "s")),
)


def write_regions(folder: Path) -> None:
    """Write `districts.gpkg` (columns ags, gen; EPSG:25832) and `districts.csv` (ags, name, ktyp4, slraum, rtyp3)."""
    folder.mkdir(parents=True, exist_ok=True)
    outlines = [Polygon([_CORNERS[corner] for corner in district.corners]) for district in DISTRICTS]
    names = {"ags": [district.ags for district in DISTRICTS], "gen": [district.name for district in DISTRICTS]}
    # Else the GeoPackage would hold the time of writing.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2018-12-31T00:00:00.000Z"})
    try:
        frame = gpd.GeoDataFrame(names, geometry=outlines, crs=CRS)
        (folder / POLYGON_FILE).unlink(missing_ok=True)
        pyogrio.write_dataframe(frame, folder / POLYGON_FILE, driver="GPKG", layer="districts")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    rows = [(d.ags, d.name, d.ktyp4, d.slraum, d.rtyp3) for d in DISTRICTS]
    table = pd.DataFrame(rows, columns=["ags", "name", "ktyp4", "slraum", "rtyp3"])
    table.to_csv(folder / TABLE_FILE, index=False, lineterminator="\n")
