"""What workers do: each function carries out one unit and says what it wrote.

They are plain functions of plain values, so that any executor can carry them to another process.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from seasonet_build.config.models import SeasonsSection
from seasonet_build.config.split import SplitSection
from seasonet_build.engine.publish import remove_splits
from seasonet_build.engine.units import Done
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.landcover import LandCover, write_indexed_copy
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.regions import Regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches, cut_scene
from seasonet_build.stages.describe import write_meta
from seasonet_build.stages.label import RegionLevels, label_tile
from seasonet_build.stages.locations import build_locations
from seasonet_build.stages.observe import observe_scene
from seasonet_build.stages.select import build_samples
from seasonet_build.stages.split import sizes_of, split_dataset
from seasonet_build.storage import file_digest, text_digest, written_file


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


def select(
    locations: Path, observations: Mapping[str, Path], scenes: Sequence[Scene], seasons: SeasonsSection, target: Path
) -> Done:
    """Choose the best scenes."""
    n = build_samples(locations, observations, scenes, seasons, target)
    return Done([written_file(target)], {"samples": n})


def cut(scene: Scene, patches: Patches, label_raster: Path, root: Path, staging: Path, settings: CutSettings) -> Done:
    """Cut the patches of a scene."""
    return Done(cut_scene(scene, patches, label_raster, root, staging, settings))


def describe(rows: pd.DataFrame, scenes: Mapping[str, Scene], layout: DatasetLayout) -> Done:
    """Write the tables of the dataset; splits of older ones go first, for they number their rows."""
    remove_splits(layout)
    write_meta(rows, scenes, layout)
    return Done([written_file(layout.meta_csv), written_file(layout.meta_parquet)])


def split(layout: DatasetLayout, options: SplitSection) -> Done:
    """Deal the samples to training, validation and test."""
    files, report = split_dataset(layout, options)
    return Done([written_file(file) for file in files], {"sizes": sizes_of(report)})
