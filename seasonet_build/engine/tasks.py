"""What workers do: each function carries out one unit and says what it wrote.

They are plain functions of plain values, so that any executor can carry them to another process.
"""

from collections.abc import Sequence
from pathlib import Path

from seasonet_build.engine.units import Done
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.landcover import LandCover, write_indexed_copy
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches, cut_scene
from seasonet_build.stages.label import RegionLevels, label_tile
from seasonet_build.stages.observe import observe_scene
from seasonet_build.storage import file_digest, text_digest, written_file


def inspect(path: Path) -> Done:
    """Look at a product; the result is the product."""
    with gdal_env():
        return Done(result=inspect_product(path).model_dump(mode="json"))


def digest_source(files: Sequence[Path]) -> Done:
    """Take the check sum of the files of a source, names and contents."""
    return Done(result={"digest": text_digest(*(f"{file.name} {file_digest(file)}" for file in files))})


def index_land_cover(land_cover: LandCover, folder: Path) -> Done:
    """Copy the land-cover map into spatially indexed files."""
    return Done(files=[written_file(file) for file in write_indexed_copy(land_cover, folder)])


def label(land_cover: LandCover, tile: Tile, levels: RegionLevels, raster: Path, table: Path) -> Done:
    """Rasterise the land cover of a tile."""
    label_tile(land_cover, tile, levels, raster, table)
    return Done(files=[written_file(raster), written_file(table)])


def observe(scene: Scene, target: Path) -> Done:
    """Observe a scene."""
    observe_scene(scene, target)
    return Done(files=[written_file(target)])


def cut(scene: Scene, patches: Patches, label_raster: Path, root: Path, staging: Path, settings: CutSettings) -> Done:
    """Cut the patches of a scene."""
    return Done(files=cut_scene(scene, patches, label_raster, root, staging, settings))
