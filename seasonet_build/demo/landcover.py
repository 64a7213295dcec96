"""Write the demo's land-cover map in the layout of BKG's CLC5 delivery: five shapefiles by main class."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.transform import from_origin
from shapely.geometry import shape

from seasonet_build.demo.ground import PIXEL, Area, Ground

CRS = "EPSG:25832"
LAYER_FOLDER = Path("clc5_2018.utm32s.shape") / "clc5"


def polygons(area: Area, classes: NDArray[np.uint16], covered: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    """Turn a class raster into polygons, one for each connected patch, without gaps or overlaps.

    `classes` (class codes) and `covered` (False: outside the map) have the area's 10 m shape. The vertices lie on pixel
    corners, so that rasterising by pixel centre gives the raster back. WGS 84 and ETRS89 coordinates of UTM zone 32
    are taken as equal, which they are for PROJ and to half a metre on the ground.

    Returns columns CLC18 (text), Shape_Leng (m), Shape_Area (m2) and the geometry, in EPSG:25832.
    """
    transform = from_origin(area.west, area.north, PIXEL, PIXEL)
    # Only 4-connected patches give valid polygons: pixels that meet at a corner would make an outline touch itself.
    found = list(shapes(classes, mask=covered, connectivity=4, transform=transform))
    outlines = gpd.GeoSeries([shape(outline) for outline, _ in found], crs=CRS)
    codes = pd.Series([str(int(code)) for _, code in found], dtype="object")
    columns = {"CLC18": codes, "Shape_Leng": outlines.length, "Shape_Area": outlines.area}
    return gpd.GeoDataFrame(columns, geometry=outlines, crs=CRS)


def write_landcover(folder: Path, ground: Ground) -> None:
    """Write `clc5_class1xx.shp` to `clc5_class5xx.shp` below `folder`; each has at least one polygon."""
    target = folder / LAYER_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    table = polygons(ground.area, ground.classes, ground.covered)
    for main in "12345":
        part = table[table["CLC18"].str.startswith(main)]
        if part.empty:
            raise ValueError(f"the invented ground has no land cover of main class {main}")
        pyogrio.write_dataframe(
            part,
            target / f"clc5_class{main}xx.shp",
            driver="ESRI Shapefile",
            encoding="UTF-8",
            # Else the table's header would hold today's date.
            layer_options={"DBF_DATE_LAST_UPDATE": "2022-03-01"},
        )
