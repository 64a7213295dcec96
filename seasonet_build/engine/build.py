"""The order of a build: which stage follows which, and when results are published."""

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from seasonet_build.config import BuildConfig
from seasonet_build.engine.agenda import Agenda
from seasonet_build.engine.changes import kept_changes
from seasonet_build.engine.inputs import ALL_RASTERS, Inputs, gather_inputs, remember_damage, source_digest
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.owner import check_owner, claim
from seasonet_build.engine.plan import WHOLE, Plan
from seasonet_build.engine.publish import finish
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.room import check_room
from seasonet_build.engine.sweep import remove_parts, remove_strays, remove_unnamed
from seasonet_build.engine.units import Progress, Runner, StageOutcome, Unit, no_progress, raise_all
from seasonet_build.errors import DataError, ProductError, SeasonetError, UnitKilledError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.sources.landcover import LandCover, open_land_cover, require_overlap
from seasonet_build.sources.regions import Regions, open_regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.sources.vector import source_files
from seasonet_build.splits.store import recover
from seasonet_build.stages.describe import sample_rows
from seasonet_build.storage import WrittenFile, file_digest

log = logging.getLogger(__name__)

_NAMED = ("index", "label", "locate", "observe", "select", "cut", "describe", "split")
"""The stages that write to the output folders of the workspace."""


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
        self._killers: dict[str, str] = {}
        self._changes_before: list[Path] = []

    @property
    def dataset(self) -> DatasetLayout:
        """Return where the dataset lies."""
        return self.plan.dataset

    def run(self) -> RunReport:
        """Carry out all stages.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        return self._make(self._split)

    def patchify(self) -> RunReport:
        """Carry out all stages up to ``meta.csv``; splits that fit it stay.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        return self._make(self._fitting_split)

    def split(self) -> RunReport:
        """Deal the samples of the dataset to training, validation and test.

        Raises:
            SeasonetError: the dataset has not been built.
        """
        self._begin()
        described = self.store.read_standing("describe", WHOLE)
        if described is None:
            raise DataError(f"{self.workspace.edition.root}: tables are missing; run 'seasonet-build patchify' first")
        self._publish(described, self._split(described))
        return self.report

    def choose(self) -> Choice:
        """Carry out the stages up to the choice of the best scene for each location and season set.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        labels, regions = self.config.labels, open_regions(self.config.regions)
        land_cover = open_land_cover(labels.source, labels.layers, labels.class_column, labels.crs)
        while True:
            inputs = gather_inputs(self.config, self._run, self.store, self.report, self.needed, self._killers)
            require_overlap(land_cover, inputs.tiles)
            rasters = self._label(land_cover, inputs)
            self._locate(inputs, regions, rasters)
            scenes = {scene.id: scene for scene in inputs.scenes}
            if not self._set_aside(self._run(self.plan.observe(inputs.scenes)), scenes):
                return Choice(inputs, scenes, rasters, self._select(inputs, scenes))

    def _begin(self) -> None:
        """Check whose dataset it is, and do the rest of what an interrupted run had begun to publish."""
        self._changes_before = kept_changes(self.workspace.changes)
        check_owner(self.dataset, self.config.dataset.name)
        finish(self.dataset, self.workspace.changes)
        recover(self.dataset)

    def _make(self, make_split: Callable[[Manifest], Manifest | None]) -> RunReport:
        try:
            return self._make_all(make_split)
        except SeasonetError:
            shutil.rmtree(self.dataset.staging, ignore_errors=True)
            raise

    def _make_all(self, make_split: Callable[[Manifest], Manifest | None]) -> RunReport:
        self._begin()
        while True:
            choice = self.choose()
            claim(self.dataset, self.config.dataset.name)
            cut = self._cut(choice)
            if not self._set_aside(cut, choice.scenes):
                break
            # Products that turned out to be damaged are known now: the next best ones take their place.
        contents = [self._content("select"), self._content("locate"), *(m.content for m in cut.manifests.values())]
        described = self._whole(self.plan.describe(choice.rows, choice.scenes, contents))
        self._publish(described, make_split(described))
        shutil.rmtree(self.dataset.staging, ignore_errors=True)
        self._clean(choice)
        self.report.summarise(choice.rows, choice.inputs.scenes)
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
        units = self.plan.cut(choice.rows, choice.scenes, digests, self._last_record)
        return self._run(units, lambda to_do: self._prepare_cut(choice.rows, {unit.key for unit in to_do}))

    def _prepare_cut(self, rows: pd.DataFrame, scenes: set[str]) -> None:
        """Check that there is room for new patches; the folder tells readers that a run is at work."""
        root = str(self.dataset.root)
        new = sum(not os.path.isdir(f"{root}/{path}") for path in rows["path"][rows["scene"].isin(scenes)])  # noqa: PTH112
        check_room(self.dataset, self.workspace, new, self.config.output)
        self.dataset.staging.mkdir(parents=True, exist_ok=True)

    def _last_record(self, scene: str, made_of: str) -> WrittenFile | None:
        manifest = self.store.read("cut", scene)
        if manifest is None or manifest.result.get("made_of") != made_of:
            return None
        (output,) = manifest.outputs
        return WrittenFile(self.store.full_path(output), output.size, output.sha256)

    def _split(self, described: Manifest) -> Manifest:
        manifest = self._whole(self.plan.split(_meta_digest(described)))
        self.report.splits = dict(manifest.result["sizes"])
        return manifest

    def _fitting_split(self, described: Manifest) -> Manifest | None:
        """Return the record of the last split if it numbers the rows of this table."""
        manifest = self.store.read_standing("split", WHOLE)
        return manifest if manifest is not None and manifest.result.get("meta") == _meta_digest(described) else None

    def _publish(self, described: Manifest, split: Manifest | None) -> None:
        edition, outputs = self.workspace.edition, [] if split is None else split.outputs
        files = [self.store.full_path(output).relative_to(edition.root) for output in outputs]
        contents = [described.content, "no splits" if split is None else split.content]
        unit = replace(self.plan.publish(contents, files), stands=self._is_published)
        self._whole(unit)
        self.report.note_changes(set(kept_changes(self.workspace.changes)) - set(self._changes_before))

    def _is_published(self) -> bool:
        """Tell whether the list of check sums is that which was published last; all lists may have one size."""
        manifest = self.store.read("publish", WHOLE)
        recorded = {} if manifest is None else {self.store.full_path(o): o.sha256 for o in manifest.outputs}
        return recorded.get(self.dataset.sums) == file_digest(self.dataset.sums)

    def _set_aside(self, outcome: StageOutcome, scenes: Mapping[str, Scene]) -> bool:
        """Remember why scenes failed that cannot be used; tell whether there were any.

        Raises:
            SeasonetError: a scene failed for another reason, or damage stops the run.
        """
        known = (ProductError, UnitKilledError)
        raise_all({key: error for key, error in outcome.errors.items() if not isinstance(error, known)})
        if self.config.products.damaged == "stop":
            raise_all(outcome.errors)
        for key, error in outcome.errors.items():
            for product in scenes[key].products:
                if isinstance(error, UnitKilledError):
                    # The next run tries again: it may have more memory.
                    self._killers[product.name] = str(error)
                elif isinstance(error, ProductError) and product.name == error.product:
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
                self.store.forget(stage, unit)
        manifests = (self.store.read(stage, unit) for stage in _NAMED for unit in self.store.units(stage))
        named = {self.store.full_path(o) for manifest in manifests if manifest is not None for o in manifest.outputs}
        remove_unnamed(self.workspace.output_folders, named)
        remove_parts(self.workspace.state)

    def _run(
        self, units: Sequence[Unit], before: Callable[[Sequence[Unit]], None] = lambda _to_do: None
    ) -> StageOutcome:
        """Carry out the units of a stage and count them."""
        if not units:
            return self.runner.run(units)
        stage = units[0].stage
        agenda = Agenda(self.workspace.state, stage)
        agenda.begin({unit.key: unit.fingerprint for unit in units})
        outcome = self.runner.run(units, before)
        agenda.note_failures({key: str(error) for key, error in outcome.errors.items()})
        self.report.count(stage, outcome.manifests, outcome.ran)
        done, failed = len(outcome.ran), len(outcome.errors)
        log.info("%s: %d done, %d unchanged, %d failed", stage, done, len(outcome.manifests) - done, failed)
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


def _meta_digest(described: Manifest) -> str:
    """Return the check sum of ``meta.csv``."""
    return next(output.sha256 for output in described.outputs if output.path.endswith("/meta.csv"))
