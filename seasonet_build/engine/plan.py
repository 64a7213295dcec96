"""The units of a build: what each does, and everything that its outcome depends on."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from seasonet_build.clouds.verdict import Judge
from seasonet_build.config import BuildConfig
from seasonet_build.engine import tasks
from seasonet_build.engine.units import Done, Unit
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.geotiff import Compression
from seasonet_build.sources.landcover import LandCover, indexed_copy
from seasonet_build.sources.regions import Regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches
from seasonet_build.stages.label import RegionLevels
from seasonet_build.stages.select import Seen
from seasonet_build.storage import WrittenFile, text_digest

FORMATS = {
    **dict.fromkeys(("index", "label", "locate", "observe", "screen", "publish"), 1),
    **dict.fromkeys(("cut", "split"), 2),
    **dict.fromkeys(("select", "describe"), 3),
}
"""Raised when the code of a stage changes what it writes, so that old results are done again."""

WHOLE = "all"
"""Name of the one unit of a stage that is not cut into units."""


class Plan:
    """Makes the units of a build; ``content`` arguments stand for the outputs of earlier units."""

    def __init__(self, config: BuildConfig) -> None:
        """Plan a build of a configuration."""
        self.config = config
        self.dataset = DatasetLayout(config.dataset_root)
        self.workspace = WorkspaceLayout(config.workspace)
        self._levels = RegionLevels(config.labels.connectivity, config.labels.medium_px, config.labels.easy_px)

    def index(self, land_cover: LandCover, content: str) -> Unit:
        """Return the unit that copies the land-cover map into indexed files."""
        task = partial(tasks.index, land_cover, self.workspace.land_cover)
        return _unit("index", WHOLE, (content, _describe_layers(land_cover)), task)

    def label(self, land_cover: LandCover, content: str, tiles: Sequence[Tile]) -> list[Unit]:
        """Return a unit for each tile that rasterises the indexed land cover."""
        copy, folder = indexed_copy(land_cover, self.workspace.land_cover), self.workspace
        inputs = (content, _describe_layers(land_cover), repr(self._levels))
        return [
            _unit(
                "label",
                tile.name,
                (*inputs, repr(tile)),
                partial(
                    tasks.label,
                    copy,
                    tile,
                    self._levels,
                    folder.label_raster(tile.name),
                    folder.label_table(tile.name),
                ),
            )
            for tile in tiles
        ]

    def locate(self, tiles: Sequence[Tile], regions: Regions, contents: Sequence[str]) -> Unit:
        """Return the unit that finds the locations."""
        outline, coverage = self.config.area.outline, self.config.labels.min_coverage
        tables = {tile: self.workspace.label_table(tile.name) for tile in tiles}
        inputs = (self.config.regions.model_dump_json(), str(outline), str(coverage), *map(repr, tiles), *contents)
        return _unit(
            "locate", WHOLE, inputs, partial(tasks.locate, tables, coverage, outline, regions, self.workspace.locations)
        )

    def observe(self, scenes: Sequence[Scene]) -> list[Unit]:
        """Return a unit for each scene that observes its cells."""
        return [
            _unit(
                "observe",
                scene.id,
                (scene.digest, repr(scene.tile)),
                partial(tasks.observe, scene, self.workspace.observations(scene.id)),
            )
            for scene in scenes
        ]

    def screen(self, scenes: Sequence[tuple[Scene, str]], locations: str, made_by: str) -> list[Unit]:
        """Return a unit for each scene that looks for cloud in its snowy candidates.

        Args:
            scenes: the scenes, and what stands for the observations of each.
            locations: what stands for the locations.
            made_by: what stands for the classifier.
        """
        window, folder = self.config.seasons.snow, self.workspace
        limits = f"{window.min_snow} {window.max_cloud}"
        units = []
        for scene, observations in scenes:
            places = (folder.locations, folder.observations(scene.id), folder.cloud_signs(scene.id))
            task = partial(tasks.screen, scene, *places, window, self.config.snow.classifier, made_by)
            inputs = (scene.digest, observations, locations, limits, made_by)
            units.append(_unit("screen", scene.id, inputs, task))
        return units

    def select(self, scenes: Sequence[Scene], signs: Mapping[str, Path], judge: Judge, contents: Sequence[str]) -> Unit:
        """Return the unit that chooses the best scenes; ``signs`` are of those that were screened."""
        seen = Seen({scene.id: self.workspace.observations(scene.id) for scene in scenes}, signs)
        names = [f"{scene.id} {scene.first.name}" for scene in scenes]
        folder, seasons = self.workspace, self.config.seasons
        task = partial(tasks.select, folder.locations, seen, scenes, seasons, judge, folder.samples)
        limits = (seasons.model_dump_json(), self.config.snow.model_dump_json(), str(judge.threshold))
        return _unit("select", WHOLE, (*limits, *names, *contents), task)

    def cut(
        self,
        rows: pd.DataFrame,
        scenes: Mapping[str, Scene],
        rasters: Mapping[str, str],
        last_record: Callable[[str, str], WrittenFile | None],
    ) -> list[Unit]:
        """Return a unit for each scene with chosen patches.

        Args:
            rows: the samples (see stages.describe.sample_rows).
            scenes: all scenes by id.
            rasters: SHA-256 of the label raster of each tile.
            last_record: is given the id of a scene and a text for all that pixels depend on; returns the record of the
                patches that were made of just that.
        """
        settings = self._cut_settings()
        units = []
        for scene_id, chosen in rows.groupby("scene", sort=True):
            scene = scenes[str(scene_id)]
            patches = Patches(tuple(chosen["path"]), chosen["x"].to_numpy("int64"), chosen["y"].to_numpy("int64"))
            made_of = text_digest(str(FORMATS["cut"]), scene.digest, rasters[scene.tile.name], repr(settings))
            record = self.workspace.patches(scene.id)
            last = last_record(scene.id, made_of)
            places = tasks.CutPlaces(self.dataset.root, self.dataset.staging / scene.id, record, last)
            raster = self.workspace.label_raster(scene.tile.name)
            task = partial(tasks.cut, scene, patches, raster, places, settings, made_of)
            stands = partial(tasks.records_stand, record, self.dataset.root)
            units.append(Unit("cut", scene.id, (made_of, *patches.paths), task, stands))
        return units

    def _cut_settings(self) -> CutSettings:
        output = self.config.output
        compression = Compression(output.compression, output.level, output.predictor)
        return CutSettings(compression, self.config.products.max_zero_share, self._levels if output.masks else None)

    def describe(self, rows: pd.DataFrame, scenes: Mapping[str, Scene], contents: Sequence[str]) -> Unit:
        """Return the unit that writes the tables of the dataset."""
        products = [f"{product.name} {product.baseline}" for scene in scenes.values() for product in scene.products]
        records = [self.workspace.patches(scene) for scene in sorted(set(rows["scene"]))]
        task = partial(tasks.describe, rows, scenes, records, self.workspace.edition)
        return _unit("describe", WHOLE, (*contents, *products), task)

    def split(self, content: str) -> Unit:
        """Return the unit that deals the samples to training, validation and test."""
        options = self.config.split
        task = partial(tasks.split, self.workspace.edition, self.dataset, options)
        return _unit("split", WHOLE, (content, options.model_dump_json()), task)

    def publish(self, contents: Sequence[str], split_files: Sequence[Path]) -> Unit:
        """Return the unit that puts the tables into the dataset, and the split files, if there are any that fit."""
        task = partial(tasks.publish_edition, self.workspace, self.dataset, split_files, self.config.dataset.name)
        return _unit("publish", WHOLE, contents, task)


def _unit(stage: str, key: str, inputs: Sequence[str], task: Callable[[], Done]) -> Unit:
    return Unit(stage, key, (str(FORMATS[stage]), *inputs), task)


def _describe_layers(land_cover: LandCover) -> str:
    return ",".join(f"{layer.name} {column} {layer.crs}" for layer, column in land_cover.layers)
