"""Vector files as their producers deliver them: a zip, the folder it unpacks to, or one file with layers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from seasonet_build.errors import DataError
from seasonet_build.sources.archive import MAP, Archive
from seasonet_build.sources.container import BROKEN_ARCHIVE

_SUFFIXES = (".shp", ".gpkg", ".fgb", ".geojson", ".json", ".gml", ".sqlite", ".parquet")
_READ_WHOLE = (".geojson", ".json", ".gml", ".sqlite", ".gpkg", ".parquet")
_SMALL_MEMBER = 32 << 20
_MAX_SEGMENT_M = 1000
"""Edges are cut to this length before a change of projection: what is straight in one is bent in another."""

_SEARCH_MARGIN_M = 100


@dataclass(frozen=True)
class VectorLayer:
    """One layer of a vector file.

    ``title`` is file and layer for messages, ``path`` what OGR opens, ``crs`` the coordinate system (WKT), ``bounds``
    west, south, east, north in it.
    """

    title: str
    path: str
    name: str
    columns: tuple[str, ...]
    crs: str
    bounds: tuple[float, float, float, float]

    def column(self, pattern: str) -> str:
        """Return the one column whose name matches a pattern such as ``CLC18`` or ``CLC??``.

        Raises:
            DataError: none or several match; the message lists the columns.
        """
        found = [c for c in self.columns if fnmatch(c.lower(), pattern.lower())]
        if len(found) != 1:
            what = "no column" if not found else f"{len(found)} columns"
            raise DataError(f"{self.title}: {what} like {pattern!r}; columns are {', '.join(self.columns) or 'none'}")
        return found[0]


def find_layers(source: Path, pattern: str, crs: str | None = None) -> list[VectorLayer]:
    """Return the layers of a source whose name matches a pattern, sorted.

    Args:
        source: a zip, a folder, or a file that OGR reads.
        pattern: such as ``clc5_class*``; letter case does not count. A file with a single layer always matches.
        crs: coordinate system to assume where a layer names none.

    Raises:
        DataError: the source cannot be read, no layer matches, or a coordinate system is unknown.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    named = [(path, name) for path in _files(source) for name in _layer_names(path)]
    matching = [item for item in named if fnmatch(item[1].lower(), pattern.lower())]
    chosen = matching or (named if len(named) == 1 else [])
    if not chosen:
        found = ", ".join(sorted(name for _, name in named)) or "none"
        raise DataError(f"{source}: no layer like {pattern!r}; layers are {found}")
    return [_describe(path, name, crs) for path, name in sorted(chosen)]


def source_files(source: Path) -> list[Path]:
    """Return the files that make up a source, sorted: the file itself, or all files of a folder or of a shapefile."""
    if source.suffix.lower() == ".shp":
        return sorted(source.parent.glob(f"{source.stem}.*"))
    return [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())


def _files(source: Path) -> list[str]:
    if source.is_dir():
        return sorted(str(p) for p in source.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if source.suffix.lower() != ".zip":
        return [str(source)]
    try:
        archive = Archive(source, MAP)
        members = archive.names()
        for member in members:
            archive.find_data(member)
            # What GDAL may read to its end only to open it; tables of hundreds of megabytes wait until they are read.
            if archive.size(member) <= _SMALL_MEMBER or PurePosixPath(member).suffix.lower() in _READ_WHOLE:
                archive.read_through(member)
    except (*BROKEN_ARCHIVE, OSError) as error:
        raise DataError(f"{source}: the archive cannot be read ({error}); fetch it again") from None
    return sorted(f"/vsizip/{source}/{m}" for m in members if PurePosixPath(m).suffix.lower() in _SUFFIXES)


def _read_through(layer: VectorLayer) -> None:
    """Read through the files of a layer in an archive: GDAL goes on where a member holds more than it declares.

    Raises:
        DataError: one does not hold what it declares.
    """
    inside = Path(layer.path.removeprefix("/vsizip/"))
    source = next((parent for parent in inside.parents if parent.suffix.lower() == ".zip" and parent.is_file()), None)
    if source is None:
        return
    try:
        archive = Archive(source, MAP)
        stem = inside.relative_to(source).with_suffix("").as_posix()
        for member in archive.names():
            if member.startswith(f"{stem}."):
                archive.read_through(member)
    except (*BROKEN_ARCHIVE, OSError) as error:
        raise DataError(f"{source}: the archive cannot be read ({error}); fetch it again") from None


def _layer_names(path: str) -> list[str]:
    try:
        return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except (DataSourceError, DataLayerError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _describe(path: str, name: str, crs: str | None) -> VectorLayer:
    try:
        info = pyogrio.read_info(path, layer=name, force_total_bounds=True)
    except (DataSourceError, DataLayerError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    stated = info["crs"] or crs
    if not stated:
        raise DataError(f'{path}: has no coordinate system; state it in the configuration (crs = "EPSG:...")')
    try:
        wkt = CRS.from_user_input(stated).to_wkt()
    except CRSError:
        raise DataError(f"{path}: coordinate system {stated!r} is not known") from None
    west, south, east, north = map(float, info["total_bounds"] or (0.0, 0.0, 0.0, 0.0))
    return VectorLayer(f"{path}:{name}", path, name, tuple(map(str, info["fields"])), wkt, (west, south, east, north))


def read_column(layer: VectorLayer, column: str) -> pd.Series:
    """Read one column of all features, without geometries.

    Raises:
        DataError: the layer cannot be read.
    """
    try:
        frame = pyogrio.read_dataframe(layer.path, layer=layer.name, columns=[column], read_geometry=False)
    except (DataSourceError, DataLayerError, ValueError) as error:
        raise DataError(f"{layer.title}: cannot be read: {error}") from None
    values: pd.Series = frame[column]
    return values


def read_layer(
    layer: VectorLayer,
    columns: Sequence[str],
    epsg: int,
    bounds: tuple[float, float, float, float] | None = None,
) -> geopandas.GeoDataFrame:
    """Read features in another coordinate system.

    Args:
        layer: what to read.
        columns: the columns to read; the geometry always comes along.
        epsg: coordinate system to return geometries in.
        bounds: west, south, east, north in that system; features that do not meet it may be left out.

    Returns:
        The features that have a geometry, in file order.

    Raises:
        DataError: the layer cannot be read.
    """
    box = None
    if bounds is not None:
        back = Transformer.from_crs(epsg, layer.crs, always_xy=True)
        west, south, east, north = back.transform_bounds(*bounds, densify_pts=21)
        margin = _SEARCH_MARGIN_M if CRS.from_wkt(layer.crs).is_projected else 0.01
        box = (west - margin, south - margin, east + margin, north + margin)
    try:
        frame = pyogrio.read_dataframe(layer.path, layer=layer.name, columns=list(columns), bbox=box)
    except (DataSourceError, DataLayerError, ValueError) as error:
        raise DataError(f"{layer.title}: cannot be read: {error}") from None
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)
    geometries = reproject(frame.geometry.to_numpy(), layer.crs, epsg)
    return geopandas.GeoDataFrame(frame[list(columns)], geometry=geometries, crs=epsg)


def write_flatgeobuf(layer: VectorLayer, columns: Sequence[str], target: Path) -> None:
    """Copy a layer, feature by feature, into a FlatGeobuf file with a spatial index.

    Args:
        layer: what to copy.
        columns: the columns to keep.
        target: file to write.

    Raises:
        DataError: the layer cannot be read.
        OSError: the copy cannot be written.
    """
    _read_through(layer)
    copied = 0

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal copied
        for batch in batches:
            copied += len(batch)
            yield batch

    try:
        with pyogrio.open_arrow(layer.path, layer=layer.name, columns=list(columns), use_pyarrow=True) as (
            meta,
            stream,
        ):
            pyogrio.write_arrow(
                pa.RecordBatchReader.from_batches(stream.schema, counted(stream)),
                target,
                layer=layer.name,
                driver="FlatGeobuf",
                geometry_name=meta["geometry_name"] or "wkb_geometry",
                geometry_type="Unknown",
                crs=layer.crs,
            )
    except (DataSourceError, DataLayerError, ValueError) as error:
        raise DataError(f"{layer.title}: cannot be read: {error}") from None
    if _count_features(target) != copied:
        # GDAL says nothing where the disk is full, or broken.
        raise OSError(f"{target} could not be written as a whole")


def _count_features(file: Path) -> int | None:
    """Read through a vector file; return how many features it has, None if it cannot be read to its end."""
    try:
        with pyogrio.open_arrow(file, use_pyarrow=True) as (_, stream):
            return sum(len(batch) for batch in stream)
    except (DataSourceError, DataLayerError, ValueError, RuntimeError, OSError):
        return None


def reproject(geometries: NDArray[np.object_], crs: str, epsg: int) -> NDArray[np.object_]:
    """Return geometries in another coordinate system, long edges cut first so that they bend as they should."""
    source, target = CRS.from_user_input(crs), CRS.from_epsg(epsg)
    if source == target or not len(geometries):
        return geometries
    transformer = Transformer.from_crs(source, target, always_xy=True)
    step = _MAX_SEGMENT_M if source.is_projected else _MAX_SEGMENT_M / 111_000
    dense = shapely.segmentize(geometries, step)
    moved: NDArray[np.object_] = shapely.transform(
        dense, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    )
    return moved


def meets(layer: VectorLayer, epsg: int, bounds: tuple[float, float, float, float]) -> bool:
    """Tell whether the bounding box of a layer meets a box (west, south, east, north) in another system."""
    to_layer = Transformer.from_crs(epsg, layer.crs, always_xy=True)
    west, south, east, north = to_layer.transform_bounds(*bounds, densify_pts=21)
    box = layer.bounds
    return bool(west < box[2] and box[0] < east and south < box[3] and box[1] < north)
