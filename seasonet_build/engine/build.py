"""The order of a build: which stage follows which, and when results are published."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from seasonet_build.config import BuildConfig
from seasonet_build.engine.changes import kept_changes
from seasonet_build.engine.choice import Choice, Chooser
from seasonet_build.engine.manifests import Manifest
from seasonet_build.engine.owner import check_owner, claim
from seasonet_build.engine.plan import WHOLE
from seasonet_build.engine.publish import finish
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.room import check_room
from seasonet_build.engine.steps import Steps
from seasonet_build.engine.sweep import remove_parts, remove_strays, remove_unnamed
from seasonet_build.engine.units import Progress, StageOutcome, no_progress
from seasonet_build.errors import DataError, SeasonetError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.store import recover
from seasonet_build.storage import WrittenFile, file_digest

_NAMED = ("index", "label", "locate", "observe", "screen", "select", "cut", "describe", "split")
"""The stages that write to the output folders of the workspace."""


class Build:
    """A build of one configuration in its workspace.

    The caller holds the lock of the workspace.
    """

    def __init__(self, config: BuildConfig, workers: int, progress: Progress = no_progress) -> None:
        """Prepare a build; nothing is read or written yet."""
        self.config = config
        self._steps = Steps(config, workers, progress)
        self._plan, self._store, self._report = self._steps.plan, self._steps.store, self._steps.report
        self._workspace = self._steps.workspace
        self._changes_before: list[Path] = []

    @property
    def dataset(self) -> DatasetLayout:
        """Return where the dataset lies."""
        return self._steps.dataset

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
        described = self._store.read_standing("describe", WHOLE)
        if described is None:
            raise DataError(f"{self._workspace.edition.root}: tables are missing; run 'seasonet-build patchify' first")
        self._publish(described, self._split(described))
        return self._report

    def _begin(self) -> None:
        """Check whose dataset it is, and do the rest of what an interrupted run had begun to publish."""
        self._changes_before = kept_changes(self._workspace.changes)
        check_owner(self.dataset, self.config.dataset.name)
        finish(self.dataset, self._workspace.changes)
        recover(self.dataset)

    def _make(self, make_split: Callable[[Manifest], Manifest | None]) -> RunReport:
        try:
            return self._make_all(make_split)
        except SeasonetError:
            shutil.rmtree(self.dataset.staging, ignore_errors=True)
            raise

    def _make_all(self, make_split: Callable[[Manifest], Manifest | None]) -> RunReport:
        self._begin()
        chooser = Chooser(self._steps)
        while True:
            choice = chooser.choose()
            claim(self.dataset, self.config.dataset.name)
            cut = self._cut(choice)
            if not self._steps.set_aside(cut, choice.scenes):
                break
            # Products that turned out to be damaged are known now: the next best ones take their place.
        contents = [
            self._steps.content("select"),
            self._steps.content("locate"),
            *(m.content for m in cut.manifests.values()),
        ]
        described = self._steps.whole(self._plan.describe(choice.rows, choice.scenes, contents))
        self._publish(described, make_split(described))
        shutil.rmtree(self.dataset.staging, ignore_errors=True)
        self._clean(choice)
        self._report.summarise(choice.rows, choice.inputs.scenes)
        return self._report

    def _cut(self, choice: Choice) -> StageOutcome:
        digests = {tile: manifest.outputs[0].sha256 for tile, manifest in choice.rasters.items()}
        shutil.rmtree(self.dataset.staging, ignore_errors=True)
        units = self._plan.cut(choice.rows, choice.scenes, digests, self._last_record)
        return self._steps.run(units, lambda to_do: self._prepare_cut(choice.rows, {unit.key for unit in to_do}))

    def _prepare_cut(self, rows: pd.DataFrame, scenes: set[str]) -> None:
        """Check that there is room for new patches; the folder tells readers that a run is at work."""
        root = str(self.dataset.root)
        new = sum(not os.path.isdir(f"{root}/{path}") for path in rows["path"][rows["scene"].isin(scenes)])  # noqa: PTH112
        check_room(self.dataset, self._workspace, new, self.config.output)
        self.dataset.staging.mkdir(parents=True, exist_ok=True)

    def _last_record(self, scene: str, made_of: str) -> WrittenFile | None:
        manifest = self._store.read("cut", scene)
        if manifest is None or manifest.result.get("made_of") != made_of:
            return None
        (output,) = manifest.outputs
        return WrittenFile(self._store.full_path(output), output.size, output.sha256)

    def _split(self, described: Manifest) -> Manifest:
        manifest = self._steps.whole(self._plan.split(_meta_digest(described)))
        self._report.splits = dict(manifest.result["sizes"])
        return manifest

    def _fitting_split(self, described: Manifest) -> Manifest | None:
        """Return the record of the last split if it numbers the rows of this table."""
        manifest = self._store.read_standing("split", WHOLE)
        return manifest if manifest is not None and manifest.result.get("meta") == _meta_digest(described) else None

    def _publish(self, described: Manifest, split: Manifest | None) -> None:
        edition, outputs = self._workspace.edition, [] if split is None else split.outputs
        files = [self._store.full_path(output).relative_to(edition.root) for output in outputs]
        contents = [described.content, "no splits" if split is None else split.content]
        unit = replace(self._plan.publish(contents, files), stands=self._is_published)
        self._steps.whole(unit)
        self._report.note_changes(set(kept_changes(self._workspace.changes)) - set(self._changes_before))

    def _is_published(self) -> bool:
        """Tell whether the list of check sums is that which was published last; all lists may have one size."""
        manifest = self._store.read("publish", WHOLE)
        recorded = {} if manifest is None else {self._store.full_path(o): o.sha256 for o in manifest.outputs}
        return recorded.get(self.dataset.sums) == file_digest(self.dataset.sums)

    def _clean(self, choice: Choice) -> None:
        """Remove what the new tables do not name; the new ``meta.csv`` is in place."""
        rows, inputs = choice.rows, choice.inputs
        self._report.removed = remove_strays(self.dataset, set(rows["path"]))
        wanted = {
            "label": {tile.name for tile in inputs.tiles},
            "observe": {scene.id for scene in inputs.scenes},
            "screen": set(choice.signs),
            "cut": set(rows["scene"]),
        }
        for stage, units in wanted.items():
            for unit in set(self._store.units(stage)) - units:
                self._store.forget(stage, unit)
        manifests = (self._store.read(stage, unit) for stage in _NAMED for unit in self._store.units(stage))
        named = {self._store.full_path(o) for manifest in manifests if manifest is not None for o in manifest.outputs}
        remove_unnamed(self._workspace.output_folders, named)
        remove_parts(self._workspace.state)


def _meta_digest(described: Manifest) -> str:
    """Return the check sum of ``meta.csv``."""
    return next(output.sha256 for output in described.outputs if output.path.endswith("/meta.csv"))
