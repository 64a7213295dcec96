"""The order of a build: which units there are, what each depends on, and when results are published."""

import logging
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from seasonet_build.config import BuildConfig
from seasonet_build.engine import tasks
from seasonet_build.engine.inputs import Inputs, gather_inputs, remember_damage, source_digest
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.publish import check_owner, claim, remove_files, remove_splits, remove_strays
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.units import Done, Progress, Runner, StageOutcome, Unit, no_progress
from seasonet_build.errors import ProductError, SeasonetError
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.raster.geotiff import Compression
from seasonet_build.sources.landcover import LandCover, indexed_copy, open_land_cover, require_overlap
from seasonet_build.sources.regions import Regions, open_regions
from seasonet_build.sources.scenes import Scene, SetAside
from seasonet_build.sources.vector import source_files
from seasonet_build.stages.cut import CutSettings, Patches
from seasonet_build.stages.describe import sample_rows, write_meta
from seasonet_build.stages.label import RegionLevels
from seasonet_build.stages.locations import build_locations
from seasonet_build.stages.select import build_samples
from seasonet_build.stages.split import split_dataset
from seasonet_build.storage import written_file

log = logging.getLogger(__name__)

FORMATS = {
    "index": "1",
    "label": "1",
    "locate": "1",
    "observe": "1",
    "select": "1",
    "cut": "1",
    "describe": "1",
    "split": "1",
}
"""Raised when the code of a stage changes what it writes, so that old results are done again."""

WHOLE = "all"
"""Name of the one unit of a stage that is not cut into units."""


class Build:
    """A build of one configuration in its workspace.

    The caller holds the lock of the workspace.
    """

    def __init__(self, config: BuildConfig, workers: int, progress: Progress = no_progress) -> None:
        """Prepare a build; nothing is read or written yet."""
        self.config = config
        self.dataset = DatasetLayout(config.dataset_root)
        self.workspace = WorkspaceLayout(config.workspace)
        roots = {"workspace": self.workspace.root, "dataset": self.dataset.root}
        self.store = ManifestStore(self.workspace.state, roots)
        self.runner = Runner(self.store, workers, progress)
        self.report = RunReport(config.dataset.name)

    def run(self) -> RunReport:
        """Carry out all stages.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        self.patchify()
        self.split()
        return self.report

    def patchify(self) -> RunReport:
        """Carry out all stages up to ``meta.csv``.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        check_owner(self.dataset, self.config.dataset.name)
        labels, regions = self.config.labels, open_regions(self.config.regions)
        land_cover = open_land_cover(labels.source, labels.layers, labels.class_column, labels.crs)
        while True:
            inputs = gather_inputs(self.config, self.runner, self.store, self.report)
            require_overlap(land_cover, inputs.tiles)
            claim(self.dataset, self.config.dataset.name)
            rasters = self._label(land_cover, inputs)
            self._locate(inputs, regions)
            scenes = {scene.id: scene for scene in inputs.scenes}
            if not self._set_aside(self._observe(inputs), scenes):
                self._select(inputs)
                rows = sample_rows(self.workspace.samples, self.workspace.locations, scenes)
                if not self._set_aside(self._cut(rows, scenes, rasters), scenes):
                    break
            # Products that turned out to be damaged are known now: the next best ones take their place.
        self._describe(rows, scenes)
        self._clean(rows, inputs)
        self._summarise(rows, inputs)
        return self.report

    def split(self) -> RunReport:
        """Deal the samples of the dataset to training, validation and test.

        Raises:
            SeasonetError: there is no ``meta.csv``, or it is damaged.
        """
        claim(self.dataset, self.config.dataset.name)
        options = self.config.split
        meta = source_digest("meta.csv", [self.dataset.meta_csv], self.runner, self.report)

        def task() -> Done:
            shares = {"train": options.train, "val": options.val, "test": options.test}
            sizes = split_dataset(self.dataset, shares, options.seed)
            return Done([written_file(self.dataset.split_file(split)) for split in sizes], {"sizes": sizes})

        manifest = self._whole("split", (meta, options.model_dump_json()), task)
        self.report.splits = dict(manifest.result["sizes"])
        return self.report

    def _label(self, land_cover: LandCover, inputs: Inputs) -> Mapping[str, Manifest]:
        files = source_files(self.config.labels.source)
        digest = source_digest("landcover", files, self.runner, self.report)
        layers = ",".join(f"{layer.name} {column} {layer.crs}" for layer, column in land_cover.layers)
        copy = self._whole(
            "index", (digest, layers), partial(tasks.index_land_cover, land_cover, self.workspace.land_cover)
        )
        indexed, levels = indexed_copy(land_cover, self.workspace.land_cover), self._levels
        units = [
            Unit(
                "label",
                tile.name,
                (FORMATS["label"], copy.content, layers, repr(levels), repr(tile)),
                partial(
                    tasks.label,
                    indexed,
                    tile,
                    levels,
                    self.workspace.label_raster(tile.name),
                    self.workspace.label_table(tile.name),
                ),
            )
            for tile in inputs.tiles
        ]
        outcome = self._run(units)
        outcome.raise_first()
        return outcome.manifests

    def _locate(self, inputs: Inputs, regions: Regions) -> None:
        config = self.config
        tables = {tile: self.workspace.label_table(tile.name) for tile in inputs.tiles}
        sources = [path for path in (config.area.outline, *_region_paths(config)) if path is not None]
        files = [file for path in sources for file in source_files(path)]
        digest = source_digest("regions", files, self.runner, self.report)
        contents = [self._content("label", tile.name) for tile in inputs.tiles]
        options = (config.regions.model_dump_json(), str(config.area.outline), str(config.labels.min_coverage))

        def task() -> Done:
            n = build_locations(
                tables,
                min_coverage=config.labels.min_coverage,
                outline=config.area.outline,
                regions=regions,
                target=self.workspace.locations,
            )
            return Done([written_file(self.workspace.locations)], {"locations": n})

        tiles = ",".join(map(repr, inputs.tiles))
        manifest = self._whole("locate", (digest, tiles, *options, *contents), task)
        self.report.locations = int(manifest.result["locations"])

    def _observe(self, inputs: Inputs) -> Mapping[str, SeasonetError]:
        """Observe all scenes; return the errors of those that cannot be, by scene."""
        units = [
            Unit(
                "observe",
                scene.id,
                (FORMATS["observe"], scene.digest, repr(scene.tile)),
                partial(tasks.observe, scene, self.workspace.observations(scene.id)),
            )
            for scene in inputs.scenes
        ]
        return self._run(units).errors

    def _set_aside(self, failed: Mapping[str, SeasonetError], scenes: Mapping[str, Scene]) -> bool:
        """Remember the damage of scenes that failed; tell whether there were any.

        Raises:
            SeasonetError: a scene failed for another reason, or damage stops the run.
        """
        others = {key: error for key, error in failed.items() if not isinstance(error, ProductError)}
        StageOutcome({}, others or (dict(failed) if self.config.products.damaged == "stop" else {}), ()).raise_first()
        for key, error in failed.items():
            for product in scenes[key].products:
                if isinstance(error, ProductError) and product.name == error.product:
                    remember_damage(product, error.reason, self.config, self.store)
        return bool(failed)

    def _select(self, inputs: Inputs) -> None:
        observations = {scene.id: self.workspace.observations(scene.id) for scene in inputs.scenes}
        seen = [f"{s.id} {s.first.name} {self._content('observe', s.id)}" for s in inputs.scenes]
        options = self.config.seasons

        def task() -> Done:
            target = self.workspace.samples
            n = build_samples(self.workspace.locations, observations, inputs.scenes, options, target)
            return Done([written_file(target)], {"samples": n})

        self._whole("select", (self._content("locate", WHOLE), options.model_dump_json(), *seen), task)

    def _cut(
        self, rows: pd.DataFrame, scenes: Mapping[str, Scene], rasters: Mapping[str, Manifest]
    ) -> Mapping[str, SeasonetError]:
        """Cut all chosen patches; return the errors of scenes that turned out to be damaged, by scene."""
        output = self.config.output
        compression = Compression(output.compression, output.level, output.predictor)
        masks = self._levels if output.masks else None
        settings = CutSettings(compression, self.config.products.max_zero_share, masks)
        units = []
        for scene_id, chosen in rows.groupby("scene", sort=True):
            scene = scenes[str(scene_id)]
            patches = Patches(tuple(chosen["path"]), chosen["x"].to_numpy("int64"), chosen["y"].to_numpy("int64"))
            labels = rasters[scene.tile.name]
            inputs = (FORMATS["cut"], scene.digest, labels.content, repr(settings), *patches.paths)
            raster = self.workspace.label_raster(scene.tile.name)
            staging = self.dataset.staging / scene.id
            task = partial(tasks.cut, scene, patches, raster, self.dataset.root, staging, settings)
            units.append(Unit("cut", scene.id, inputs, task))
        shutil.rmtree(self.dataset.staging, ignore_errors=True)
        try:
            return self._run(units).errors
        finally:
            shutil.rmtree(self.dataset.staging, ignore_errors=True)

    def _describe(self, rows: pd.DataFrame, scenes: Mapping[str, Scene]) -> None:
        def task() -> Done:
            remove_splits(self.dataset)
            write_meta(rows, scenes, self.dataset)
            return Done([written_file(self.dataset.meta_csv), written_file(self.dataset.meta_parquet)])

        products = [f"{p.name} {p.baseline}" for scene in scenes.values() for p in scene.products]
        self._whole("describe", (self._content("select", WHOLE), self._content("locate", WHOLE), *products), task)

    def _clean(self, rows: pd.DataFrame, inputs: Inputs) -> None:
        """Remove what the new tables do not name; the new ``meta.csv`` is in place."""
        self.report.removed = remove_strays(self.dataset, set(rows["path"]))
        wanted = {
            "label": {tile.name for tile in inputs.tiles},
            "observe": {scene.id for scene in inputs.scenes},
            "cut": set(rows["scene"]),
        }
        for stage, units in wanted.items():
            for unit in set(self.store.units(stage)) - units:
                manifest = self.store.read(stage, unit)
                if manifest is not None and stage != "cut":
                    remove_files([self.store.full_path(output) for output in manifest.outputs])
                self.store.forget(stage, unit)

    def _summarise(self, rows: pd.DataFrame, inputs: Inputs) -> None:
        counts = rows.groupby(["season", "grid"]).size().to_dict()
        self.report.samples = {
            season.value: {grid: int(counts.get((season.value, grid), 0)) for grid in (1, 2)} for season in SEASONS
        }
        chosen = set(rows["scene"])
        for scene in inputs.scenes:
            names = [product.name for product in scene.products]
            if scene.id in chosen:
                self.report.products_used += names
            else:
                reason = "is not the best scene of any patch"
                self.report.set_aside += [SetAside(product=name, reason=reason) for name in names]
        self.report.products_used.sort()
        for item in self.report.set_aside:
            if item.damaged:
                log.warning("set aside: %s: %s", item.product, item.reason)
        self.report.set_aside.sort(key=lambda item: (item.product, item.reason))

    @property
    def _levels(self) -> RegionLevels:
        options = self.config.labels
        return RegionLevels(options.connectivity, options.medium_px, options.easy_px)

    def _run(self, units: list[Unit]) -> StageOutcome:
        """Carry out the units of a stage and count them."""
        outcome = self.runner.run(units)
        if units:
            stage, done = units[0].stage, len(outcome.ran)
            self.report.count(stage, outcome.manifests, outcome.ran)
            log.info("%s: %d done, %d unchanged", stage, done, len(outcome.manifests) - done)
        return outcome

    def _whole(self, stage: str, inputs: tuple[str, ...], task: Callable[[], Done]) -> Manifest:
        outcome = self._run([Unit(stage, WHOLE, (FORMATS[stage], *inputs), task)])
        outcome.raise_first()
        return outcome.manifests[WHOLE]

    def _content(self, stage: str, unit: str) -> str:
        manifest = self.store.read(stage, unit)
        assert manifest is not None, f"{stage} {unit} has just been done"
        return manifest.content


def _region_paths(config: BuildConfig) -> list[Path]:
    regions: Any = config.regions
    return [path for path in (getattr(regions, "source", None), getattr(regions, "table", None)) if path is not None]
