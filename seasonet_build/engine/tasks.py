"""What workers do: each function carries out one unit and says what it wrote.

They are plain functions of plain values, so that any executor can carry them to another process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from seasonet_build.clouds.verdict import Judge
from seasonet_build.config.seasons import SeasonsSection, SnowWindow
from seasonet_build.config.snow import Classifier
from seasonet_build.config.split import SplitSection
from seasonet_build.engine.publish import publish
from seasonet_build.engine.units import Done
from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.landcover import LandCover, write_indexed_copy
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.regions import Regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches, cut_scene
from seasonet_build.stages.describe import write_checksums, write_meta
from seasonet_build.stages.label import RegionLevels, label_tile
from seasonet_build.stages.locations import build_locations
from seasonet_build.stages.observe import observe_scene
from seasonet_build.stages.records import merged, read_record, standing
from seasonet_build.stages.screen import screen_scene
from seasonet_build.stages.select import Seen, build_samples
from seasonet_build.stages.split import sizes_of, split_dataset
from seasonet_build.storage import WrittenFile, file_digest, text_digest, write_table, written_file


def inspect(path: Path, needed: Sequence[str]) -> Done:
    """Look at a product, of which some rasters are needed; the result is the product."""
    with gdal_env():
        return Done(result=inspect_product(path, needed).model_dump(mode="json"))


def digest_source(files: Sequence[Path]) -> Done:
    """Take the check sum of the files of a source, names and contents."""
    return Done(result={"digest": text_digest(*(f"{file.name} {file_digest(file)}" for file in files))})


def index(land_cover: LandCover, folder: Path) -> Done:
    """Copy the land-cover map into spatially indexed files."""
    return Done([written_file(file) for file in write_indexed_copy(land_cover, folder)])


def label(land_cover: LandCover, tile: Tile, levels: RegionLevels, raster: Path, table: Path) -> Done:
    """Rasterise the land cover of a tile."""
    label_tile(land_cover, tile, levels, raster, table)
    return Done([written_file(raster), written_file(table)])


def locate(
    tables: Mapping[Tile, Path], min_coverage: float, outline: Path | None, regions: Regions, target: Path
) -> Done:
    """Find the locations."""
    n = build_locations(tables, min_coverage=min_coverage, outline=outline, regions=regions, target=target)
    return Done([written_file(target)], {"locations": n})


def observe(scene: Scene, target: Path) -> Done:
    """Observe a scene."""
    observe_scene(scene, target)
    return Done([written_file(target)])


def screen(
    scene: Scene,
    locations: Path,
    observations: Path,
    target: Path,
    window: SnowWindow,
    classifier: Classifier,
    made_by: str,
) -> Done:
    """Look for cloud in the snowy candidates of a scene."""
    n = screen_scene(scene, locations, observations, window, classifier, target)
    return Done([written_file(target)], {"candidates": n, "made_by": made_by})


def select(
    locations: Path, seen: Seen, scenes: Sequence[Scene], seasons: SeasonsSection, judge: Judge, target: Path
) -> Done:
    """Choose the best scenes."""
    selected = build_samples(locations, seen, scenes, seasons, judge, target)
    return Done([written_file(target)], selected._asdict())


@dataclass(frozen=True)
class CutPlaces:
    """Where a scene is cut: dataset, a folder of its own on the same file system, and the record of its patches.

    ``last`` is that record as it stands, if it vouches for patches made of the same scene, labels and settings.
    """

    root: Path
    staging: Path
    record: Path
    last: WrittenFile | None = None


def cut(
    scene: Scene, patches: Patches, label_raster: Path, places: CutPlaces, settings: CutSettings, made_of: str
) -> Done:
    """Cut the patches of a scene; those that are there already, as the last record says, are left alone.

    ``made_of`` stands for all that their pixels depend on.
    """
    records = [] if places.last is None else _standing_record(places.last, places.root)
    known = {path for record in records for path in record["path"].to_pylist()}
    missing = patches.take(np.array([path not in known for path in patches.paths], dtype=bool))
    if len(missing):
        records.append(cut_scene(scene, missing, label_raster, places.root, places.staging, settings))
    write_table(merged(patches.paths, records), places.record)
    result = {"patches": len(patches), "cut": len(missing), "made_of": made_of}
    return Done([written_file(places.record)], result)


def records_stand(record: Path, root: Path) -> bool:
    """Tell whether all patches of a record are there."""
    try:
        return bool(standing(record, root).all())
    except DataError:
        return False


def describe(rows: pd.DataFrame, scenes: Mapping[str, Scene], records: Sequence[Path], edition: DatasetLayout) -> Done:
    """Write the tables of the dataset to a folder of their own."""
    write_meta(rows, scenes, edition)
    write_checksums(rows, records, edition)
    return Done([written_file(file) for file in (edition.meta_csv, edition.meta_parquet, edition.checksums)])


def split(edition: DatasetLayout, dataset: DatasetLayout, options: SplitSection) -> Done:
    """Deal the samples to training, validation and test; locations may keep the sides that the dataset gives them."""
    files, report = split_dataset(edition, options, dataset)
    result = {"sizes": sizes_of(report), "meta": report["meta_csv_sha256"]}
    return Done([written_file(file) for file in files], result)


def publish_edition(workspace: WorkspaceLayout, dataset: DatasetLayout, split_files: Sequence[Path], name: str) -> Done:
    """Put tables and splits into the dataset."""
    return Done([written_file(file) for file in publish(workspace, dataset, split_files, name)])


def _standing_record(last: WrittenFile, root: Path) -> list[pa.Table]:
    """Return a record as far as its patches stand; nothing, if it is not the one that was written."""
    try:
        if file_digest(last.path) != last.sha256:
            return []
        return [read_record(last.path).filter(pa.array(standing(last.path, root)))]
    except (OSError, DataError):
        return []
