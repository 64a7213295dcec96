"""The order of a build: which stage follows which, and when results are published."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seasonet_build.config import BuildConfig
from seasonet_build.engine.inputs import ALL_RASTERS, Inputs, gather_inputs, remember_damage, source_digest
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.plan import WHOLE, Plan
from seasonet_build.engine.publish import check_owner, claim, remove_files, remove_strays
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.units import Progress, Runner, StageOutcome, Unit, no_progress, raise_all
from seasonet_build.errors import ProductError, SeasonetError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.sources.landcover import LandCover, open_land_cover, require_overlap
from seasonet_build.sources.regions import Regions, open_regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.sources.vector import source_files
from seasonet_build.stages.describe import sample_rows
from seasonet_build.stages.meta import require_meta

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What is to be cut: ``rows`` are the samples (see stages.describe.sample_rows), scenes are by id."""

    inputs: Inputs
    scenes: Mapping[str, Scene]
    rasters: Mapping[str, Manifest]
    rows: pd.DataFrame


class Build:
    """A build of one configuration in its workspace.

    The caller holds the lock of the workspace.
    """

    def __init__(
        self,
        config: BuildConfig,
        workers: int,
        progress: Progress = no_progress,
        needed: Sequence[str] = ALL_RASTERS,
    ) -> None:
        """Prepare a build; nothing is read or written yet. ``needed`` are the rasters that a product must have."""
        self.config, self.needed = config, needed
        self.plan = Plan(config)
        self.workspace = self.plan.workspace
        self.store = ManifestStore(
            self.workspace.state, {"workspace": self.workspace.root, "dataset": self.dataset.root}
        )
        self.runner = Runner(self.store, workers, progress)
        self.report = RunReport(config.dataset.name)

    @property
    def dataset(self) -> DatasetLayout:
        """Return where the dataset lies."""
        return self.plan.dataset

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
        while True:
            choice = self.choose()
            claim(self.dataset, self.config.dataset.name)
            if not self._set_aside(self._cut(choice), choice.scenes):
                break
            # Products that turned out to be damaged are known now: the next best ones take their place.
        contents = [self._content("select"), self._content("locate")]
        self._whole(self.plan.describe(choice.rows, choice.scenes, contents))
        self._clean(choice)
        self.report.summarise(choice.rows, choice.inputs.scenes)
        return self.report

    def choose(self) -> Choice:
        """Carry out the stages up to the choice of the best scene for each location and season set.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        labels, regions = self.config.labels, open_regions(self.config.regions)
        land_cover = open_land_cover(labels.source, labels.layers, labels.class_column, labels.crs)
        while True:
            inputs = gather_inputs(self.config, self.runner, self.store, self.report, self.needed)
            require_overlap(land_cover, inputs.tiles)
            rasters = self._label(land_cover, inputs)
            self._locate(inputs, regions, rasters)
            scenes = {scene.id: scene for scene in inputs.scenes}
            if not self._set_aside(self._run(self.plan.observe(inputs.scenes)), scenes):
                return Choice(inputs, scenes, rasters, self._select(inputs, scenes))

    def split(self) -> RunReport:
        """Deal the samples of the dataset to training, validation and test.

        Raises:
            SeasonetError: there is no ``meta.csv``, or it is damaged.
        """
        check_owner(self.dataset, self.config.dataset.name)
        require_meta(self.dataset.meta_csv)
        content = source_digest("meta.csv", [self.dataset.meta_csv], self.runner, self.report)
        manifest = self._whole(self.plan.split(content))
        self.report.splits = dict(manifest.result["sizes"])
        return self.report

    def _label(self, land_cover: LandCover, inputs: Inputs) -> Mapping[str, Manifest]:
        digest = self._digest("landcover", [self.config.labels.source])
        copy = self._whole(self.plan.index(land_cover, digest))
        outcome = self._run(self.plan.label(land_cover, copy.content, inputs.tiles))
        raise_all(outcome.errors)
        return outcome.manifests

    def _locate(self, inputs: Inputs, regions: Regions, rasters: Mapping[str, Manifest]) -> None:
        outline, sources = self.config.area.outline, self.config.regions.files
        digest = self._digest("regions", [*sources, *([outline] if outline is not None else [])])
        contents = [digest, *(rasters[tile.name].content for tile in inputs.tiles)]
        manifest = self._whole(self.plan.locate(inputs.tiles, regions, contents))
        self.report.locations = int(manifest.result["locations"])

    def _select(self, inputs: Inputs, scenes: Mapping[str, Scene]) -> pd.DataFrame:
        contents = [self._content("locate"), *(self._content("observe", scene.id) for scene in inputs.scenes)]
        self._whole(self.plan.select(inputs.scenes, contents))
        return sample_rows(self.workspace.samples, self.workspace.locations, scenes)

    def _cut(self, choice: Choice) -> StageOutcome:
        digests = {tile: manifest.outputs[0].sha256 for tile, manifest in choice.rasters.items()}
        shutil.rmtree(self.dataset.staging, ignore_errors=True)
        try:
            return self._run(self.plan.cut(choice.rows, choice.scenes, digests))
        finally:
            shutil.rmtree(self.dataset.staging, ignore_errors=True)

    def _set_aside(self, outcome: StageOutcome, scenes: Mapping[str, Scene]) -> bool:
        """Remember the damage of scenes that failed; tell whether there were any.

        Raises:
            SeasonetError: a scene failed for another reason, or damage stops the run.
        """
        raise_all({key: error for key, error in outcome.errors.items() if not isinstance(error, ProductError)})
        if self.config.products.damaged == "stop":
            raise_all(outcome.errors)
        for key, error in outcome.errors.items():
            for product in scenes[key].products:
                if isinstance(error, ProductError) and product.name == error.product:
                    remember_damage(product, error.reason, self.config, self.store)
        return bool(outcome.errors)

    def _clean(self, choice: Choice) -> None:
        """Remove what the new tables do not name; the new ``meta.csv`` is in place."""
        rows, inputs = choice.rows, choice.inputs
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

    def _run(self, units: Sequence[Unit]) -> StageOutcome:
        """Carry out the units of a stage and count them."""
        outcome = self.runner.run(units)
        if units:
            stage, done = units[0].stage, len(outcome.ran)
            self.report.count(stage, outcome.manifests, outcome.ran)
            log.info("%s: %d done, %d unchanged", stage, done, len(outcome.manifests) - done)
        return outcome

    def _whole(self, unit: Unit) -> Manifest:
        """Carry out the one unit of a stage."""
        outcome = self._run([unit])
        raise_all(outcome.errors)
        return outcome.manifests[unit.key]

    def _digest(self, name: str, sources: Sequence[Path]) -> str:
        files = [file for source in sources for file in source_files(source)]
        return source_digest(name, files, self.runner, self.report)

    def _content(self, stage: str, unit: str = WHOLE) -> str:
        manifest = self.store.read(stage, unit)
        if manifest is None:
            raise SeasonetError(f"{self.store.folder / stage}: the record of {unit} has vanished; run again")
        return manifest.content
