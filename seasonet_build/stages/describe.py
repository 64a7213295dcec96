"""Describe the dataset: ``meta.csv`` as readers expect it, and the same as GeoParquet with more columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.bands import BAND_RESOLUTION, LABELS_SUFFIX, PATCH_FILES
from seasonet_build.model.checksums import record_schema
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.grid import PATCH_M
from seasonet_build.model.layout import DatasetLayout, patch_path
from seasonet_build.model.names import patch_name
from seasonet_build.model.seasons import SEASONS, Season
from seasonet_build.model.tables import LOCATIONS, SAMPLES, SCL_PIXELS
from seasonet_build.sources.regions import REGION_TYPES
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.records import merged, read_record
from seasonet_build.stages.select import LOCATION_KEY
from seasonet_build.storage import read_table, replacing, write_table, write_text

META_COLUMNS = [
    *("Index", "Season", "Grid", "Latitude", "Longitude", "Satellite"),
    *("Year", "Month", "Day", "Hour", "Minute", "Second"),
    *("Clouds", "Snow", "Classes", "SLRAUM", "RTYP3", "KTYP4", "Path"),
]

_TIME_FORMATS = {"Year": "%Y", "Month": "%m", "Day": "%d", "Hour": "%H", "Minute": "%M", "Second": "%S"}
_SHARE_DECIMALS = 4
_LABEL_PIXELS = (PATCH_M // min(BAND_RESOLUTION.values())) ** 2


def sample_rows(samples: Path, locations: Path, scenes: Mapping[str, Scene]) -> pd.DataFrame:
    """Join samples, locations and scenes: the rows of the dataset in their order.

    The order is that of season sets, then grid, tile, row and column.

    Args:
        samples: table with schema SAMPLES.
        locations: table with schema LOCATIONS.
        scenes: all scenes by id.

    Returns:
        The columns of both tables, and ``path``, the patch folder relative to the dataset.
    """
    rows = read_table(samples, SAMPLES).to_pandas()
    places = read_table(locations, LOCATIONS).to_pandas()
    frame = rows.merge(places, on=LOCATION_KEY, how="left", validate="many_to_one")
    order = {season.value: i for i, season in enumerate(SEASONS)}
    frame = frame.assign(order=frame["season"].map(order))
    frame = frame.sort_values(["order", "grid", "tile", "row", "col"], kind="stable", ignore_index=True)
    frame["path"] = [
        patch_path(row.season, row.grid, patch_name(row.tile, scenes[row.scene].start, row.latitude, row.longitude))
        for row in frame.itertuples()
    ]
    rows_in_order: pd.DataFrame = frame.drop(columns="order")
    return rows_in_order


def write_meta(rows: pd.DataFrame, scenes: Mapping[str, Scene], layout: DatasetLayout) -> None:
    """Write ``meta.parquet``, then ``meta.csv``; each replaces the old file in one step.

    Args:
        rows: from :func:`sample_rows`.
        scenes: all scenes by id.
        layout: where to write.
    """
    used = [scenes[scene] for scene in rows["scene"]]
    meta = _meta_texts(rows, used)
    with replacing(layout.meta_parquet) as part:
        _geo_frame(rows, meta, used).to_parquet(part, index=False, compression="zstd")
    write_text(layout.meta_csv, _csv_text(meta))


def write_checksums(rows: pd.DataFrame, records: Sequence[Path], layout: DatasetLayout) -> None:
    """Write ``checksums.parquet`` from the records of all scenes, in the order of rows (see model.checksums).

    Raises:
        DataError: a record cannot be read, or a patch is in none.
    """
    paths = rows["path"].tolist()
    if records:
        write_table(merged(paths, [read_record(record) for record in records]), layout.checksums)
    else:
        suffixes = [*(file.suffix for file in PATCH_FILES), LABELS_SUFFIX]
        write_table(record_schema(suffixes).empty_table(), layout.checksums)


def _meta_texts(rows: pd.DataFrame, used: Sequence[Scene]) -> pd.DataFrame:
    """Return the columns of ``meta.csv`` as they are written."""
    columns: dict[str, Sequence[object]] = {
        "Index": range(len(rows)),
        "Season": [Season(season).label for season in rows["season"]],
        "Grid": rows["grid"].tolist(),
        "Latitude": rows["latitude"].tolist(),
        "Longitude": rows["longitude"].tolist(),
        "Satellite": [scene.first.platform[-1] for scene in used],
        "Clouds": _percent_texts(rows["cloud"].tolist()),
        "Snow": _percent_texts(rows["snow"].tolist()),
        "Classes": [",".join(map(str, labels)) for labels in _labels_present(rows)],
        "Path": rows["path"].tolist(),
    }
    for name, form in _TIME_FORMATS.items():
        columns[name] = [scene.start.strftime(form) for scene in used]
    for name in REGION_TYPES:
        columns[name.upper()] = ["" if pd.isna(value) else str(int(value)) for value in rows[name]]
    return pd.DataFrame(columns)[META_COLUMNS]


def _percent_texts(pixels: Sequence[int]) -> list[str]:
    return [str(round(100 * n / SCL_PIXELS, _SHARE_DECIMALS)) for n in pixels]


def _class_pixels(rows: pd.DataFrame, level: str) -> NDArray[np.int32]:
    """Return the pixels of each label in regions that count at a level, shape (n, 33)."""
    return np.array(rows[f"pixels_{level}"].tolist(), dtype=np.int32).reshape(len(rows), N_CLASSES)


def _labels_present(rows: pd.DataFrame, level: str = "hard") -> list[list[int]]:
    return [(np.flatnonzero(pixels) + 1).tolist() for pixels in _class_pixels(rows, level)]


def _csv_text(meta: pd.DataFrame) -> str:
    """Return the table as CSV; only the list of classes is quoted."""
    quoted = meta.assign(Classes='"' + meta["Classes"].astype(str) + '"')
    lines = (",".join(map(str, row)) for row in quoted.itertuples(index=False, name=None))
    return "".join(f"{line}\n" for line in (",".join(META_COLUMNS), *lines))


def _geo_frame(rows: pd.DataFrame, meta: pd.DataFrame, used: Sequence[Scene]) -> geopandas.GeoDataFrame:
    """Return the columns of ``meta.csv``, numbers as numbers, then others in lower case, and footprints (WGS 84).

    ``classes``, ``classes_medium`` and ``classes_easy`` are lists of labels; ``class_shares`` has 33 numbers, the share
    of each label in the patch, 0..1; ``cloud_score`` is known in the snowy set only (see clouds.verdict).
    """
    columns: dict[str, object] = {name: meta[name] for name in META_COLUMNS}
    columns |= {name: meta[name].astype(float) for name in ("Latitude", "Longitude", "Clouds", "Snow")}
    columns |= {name: meta[name].astype(int) for name in _TIME_FORMATS}
    columns |= {name.upper(): rows[name].astype("Int8") for name in REGION_TYPES}
    columns |= {name: rows[name] for name in ("tile", "row", "col", "epsg", "x", "y", "scene")}
    columns |= {
        "product": ["+".join(product.name for product in scene.products) for scene in used],
        "baseline": ["+".join(product.baseline for product in scene.products) for scene in used],
        "classes": _labels_present(rows),
        "classes_medium": _labels_present(rows, "medium"),
        "classes_easy": _labels_present(rows, "easy"),
        "cloud_score": rows["cloud_score"].astype(float),
        "class_shares": list(_class_pixels(rows, "hard") / _LABEL_PIXELS),
    }
    return geopandas.GeoDataFrame(pd.DataFrame(columns), geometry=_footprints(rows), crs="EPSG:4326")


def _footprints(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Return the outlines of patches in longitude and latitude."""
    x, y = rows["x"].to_numpy(float), rows["y"].to_numpy(float)
    outlines: NDArray[np.object_] = np.atleast_1d(shapely.box(x, y - PATCH_M, x + PATCH_M, y))
    for epsg in rows["epsg"].unique():
        mine = (rows["epsg"] == epsg).to_numpy()
        to_geographic = Transformer.from_crs(int(epsg), 4326, always_xy=True)

        def move(points: NDArray[np.float64], transformer: Transformer = to_geographic) -> NDArray[np.float64]:
            return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

        outlines[mine] = shapely.transform(outlines[mine], move)
    return outlines
