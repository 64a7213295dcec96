"""Region types of places in Germany: urban or rural space, region type, district type.

SLRAUM 1 urban, 2 rural space; RTYP3 1 urban region, 2 region with urbanisation tendencies, 3 rural region; KTYP4 1
large independent city, 2 urban district, 3 rural district with some densification, 4 sparsely populated rural district
(BBSR's classification, published with BKG's GE250).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from seasonet_build.config.models import DistrictRegions, LayerRegions, NoRegions
from seasonet_build.errors import DataError
from seasonet_build.sources.vector import VectorLayer, find_layers, read_column, read_layer

REGION_TYPES: dict[str, int] = {"slraum": 2, "rtyp3": 3, "ktyp4": 4}
"""Column -> highest value; the lowest is 1."""

UNKNOWN = 0
_URBAN_DISTRICT_TYPES = 2

Types = NDArray[np.int8]


@dataclass(frozen=True)
class RegionLayer:
    """Polygons and the region types that one of their columns leads to.

    ``lookup`` turns the texts of ``column`` into one array per region type.
    """

    layer: VectorLayer
    column: str
    lookup: Callable[[pd.Series], Mapping[str, Types]]


@dataclass(frozen=True)
class Regions:
    """A checked source of region types, and how far outside a region a place may lie and still take its types."""

    layers: tuple[RegionLayer, ...]
    max_distance_m: float


def open_regions(config: DistrictRegions | LayerRegions | NoRegions) -> Regions:
    """Find layers and columns and read the district table.

    Raises:
        DataError: a layer or column is missing, a type is out of range, or polygons and table do not join.
    """
    if isinstance(config, NoRegions):
        return Regions((), 0.0)
    if isinstance(config, DistrictRegions):
        return Regions((_district_layer(config),), config.max_distance_m)
    return Regions(tuple(_type_layers(config)), config.max_distance_m)


def region_types(regions: Regions, x: NDArray[np.float64], y: NDArray[np.float64], epsg: int) -> dict[str, Types]:
    """Return the region types of some places.

    Args:
        regions: from :func:`open_regions`.
        x: eastings, shape (n,), metres.
        y: northings, shape (n,), metres.
        epsg: their coordinate system, in metres.

    Returns:
        ``slraum``, ``rtyp3`` and ``ktyp4``, each of shape (n,); 0 where a place lies in no region and near none.
    """
    found = {name: np.full(len(x), UNKNOWN, dtype=np.int8) for name in REGION_TYPES}
    if not len(x):
        return found
    points: NDArray[np.object_] = np.asarray(shapely.points(x, y))
    reach = regions.max_distance_m
    bounds = (x.min() - reach - 1, y.min() - reach - 1, x.max() + reach + 1, y.max() + reach + 1)
    for region_layer in regions.layers:
        frame = read_layer(region_layer.layer, [region_layer.column], epsg, bounds)
        if not len(frame):
            continue
        nearest = _nearest_polygon(frame.geometry.to_numpy(), points, reach)
        hit = nearest >= 0
        for name, values in region_layer.lookup(frame[region_layer.column]).items():
            found[name][hit] = values[nearest[hit]]
    return found


def _nearest_polygon(polygons: NDArray[np.object_], points: NDArray[np.object_], reach: float) -> NDArray[np.int64]:
    """Return for each point the first polygon it lies in, else the nearest within reach, else -1."""
    tree = shapely.STRtree(polygons)
    none = len(polygons)
    best = np.full(len(points), none, dtype=np.int64)
    point, polygon = tree.query(points, predicate="intersects")
    np.minimum.at(best, point, polygon)
    outside = np.flatnonzero(best == none)
    if reach > 0 and len(outside):
        point, polygon = tree.query_nearest(points[outside], max_distance=reach, all_matches=True)
        np.minimum.at(best, outside[point], polygon)
    best[best == none] = -1
    return best


def _district_layer(config: DistrictRegions) -> RegionLayer:
    layer = _single_layer(config.source, config.layer)
    column = layer.column(config.key)
    table = _district_table(config)

    def lookup(keys: pd.Series) -> Mapping[str, Types]:
        rows = table.loc[list(keys.astype(str).str.strip())]
        return {name: rows[name].to_numpy(np.int8) for name in REGION_TYPES}

    # All districts are looked at here, so that one without a row is found before any work is done.
    keys = read_column(layer, column).astype(str).str.strip()
    missing = sorted(set(keys) - set(table.index))
    if missing:
        shown = ", ".join(repr(key) for key in missing[:5])
        raise DataError(
            f"{config.table}: {len(missing)} of {keys.nunique()} districts of {config.source} have no row, such as "
            f"{shown}; its own keys are like {table.index[0]!r}"
        )
    return RegionLayer(layer, column, lookup)


def _district_table(config: DistrictRegions) -> pd.DataFrame:
    """Return a table of ``slraum``, ``rtyp3`` and ``ktyp4``, indexed by district key."""
    columns = {"ktyp4": config.ktyp4, "rtyp3": config.rtyp3, "slraum": config.slraum}
    try:
        raw = pd.read_csv(config.table, dtype=str, encoding="utf-8")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{config.table}: cannot be read: {error}") from None
    columns = {name: column for name, column in columns.items() if column}
    absent = [column for column in (config.table_key, *columns.values()) if column not in raw.columns]
    if absent:
        raise DataError(f"{config.table}: no column {absent[0]!r}; columns are {', '.join(raw.columns)}")
    raw = raw.set_index(raw[config.table_key].str.strip())
    if raw.empty or raw.index.has_duplicates:
        what = "has no rows" if raw.empty else f"has key {raw.index[raw.index.duplicated()][0]!r} twice"
        raise DataError(f"{config.table}: {what}")
    types = {name: _types(raw[c], name, str(config.table)) for name, c in columns.items()}
    types.setdefault("slraum", _space_of(types["ktyp4"]))
    return pd.DataFrame(types, index=raw.index)


def _type_layers(config: LayerRegions) -> list[RegionLayer]:
    stated = {"ktyp4": config.ktyp4, "rtyp3": config.rtyp3, "slraum": config.slraum}
    layers = []
    for name, part in stated.items():
        if part is not None:
            layer = _single_layer(config.source, part.layer)
            derive = name == "ktyp4" and config.slraum is None
            layers.append(RegionLayer(layer, layer.column(part.column), _type_lookup(name, layer.title, derive)))
    return layers


def _type_lookup(name: str, where: str, derive_space: bool) -> Callable[[pd.Series], Mapping[str, Types]]:
    def lookup(values: pd.Series) -> Mapping[str, Types]:
        types = _types(values, name, where)
        return {name: types, "slraum": _space_of(types)} if derive_space else {name: types}

    return lookup


def _single_layer(source: Path, pattern: str) -> VectorLayer:
    layers = find_layers(source, pattern)
    if len(layers) != 1:
        names = ", ".join(layer.name for layer in layers)
        raise DataError(f"{source}: {len(layers)} layers like {pattern!r}, not one: {names}")
    return layers[0]


def _types(values: pd.Series, name: str, where: str) -> Types:
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = ~numbers.isin(range(1, REGION_TYPES[name] + 1))
    if wrong.any():
        value = values[wrong].iloc[0]
        shown = repr(value) if isinstance(value, str) else str(value)
        raise DataError(f"{where}: {shown} is not a {name} (1 to {REGION_TYPES[name]})")
    return numbers.to_numpy(np.int8)


def _space_of(ktyp4: Types) -> Types:
    """Return SLRAUM: district types 1 and 2 are urban space, 3 and 4 rural."""
    return np.where(ktyp4 <= _URBAN_DISTRICT_TYPES, 1, 2).astype(np.int8)
