"""The stages up to the choice of the best scene for each location and season set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seasonet_build.engine.inputs import ALL_RASTERS, Inputs, gather_inputs
from seasonet_build.engine.manifests import Manifest
from seasonet_build.engine.screening import STAGE, Screening
from seasonet_build.engine.steps import Steps
from seasonet_build.engine.units import raise_all
from seasonet_build.sources.landcover import LandCover, open_land_cover, require_overlap
from seasonet_build.sources.regions import Regions, open_regions
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.describe import sample_rows


@dataclass(frozen=True)
class Choice:
    """What is to be cut.

    ``scenes`` are by id, ``rasters`` by tile; ``signs`` are the tables of cloud in snowy candidates, by scene;
    ``rows`` are the samples (see stages.describe.sample_rows).
    """

    inputs: Inputs
    scenes: Mapping[str, Scene]
    rasters: Mapping[str, Manifest]
    signs: Mapping[str, Path]
    rows: pd.DataFrame


class Chooser:
    """Chooses the best scenes; a scene that turns out to be unusable is set aside, and the choice made once more."""

    def __init__(self, steps: Steps, needed: Sequence[str] = ALL_RASTERS) -> None:
        """Prepare.

        Args:
            steps: carries out the stages.
            needed: the rasters that a product must have. Without all of them no new candidates are screened for cloud.

        Raises:
            DataError: the model that tells cloud from snow cannot be used.
        """
        self._steps, self._plan, self._config, self._needed = steps, steps.plan, steps.config, needed
        self._screening = Screening(steps.config, steps.store)

    def choose(self) -> Choice:
        """Carry out the stages.

        Raises:
            SeasonetError: an input or the configuration is wrong.
        """
        if tuple(self._needed) == ALL_RASTERS:
            self._screening.require_packages()
        labels, regions = self._config.labels, open_regions(self._config.regions)
        land_cover = open_land_cover(labels.source, labels.layers, labels.class_column, labels.crs)
        steps = self._steps
        while True:
            inputs = gather_inputs(self._config, steps.run, steps.store, steps.report, self._needed, steps.killers)
            require_overlap(land_cover, inputs.tiles)
            rasters = self._label(land_cover, inputs)
            self._locate(inputs, regions, rasters)
            scenes = {scene.id: scene for scene in inputs.scenes}
            if steps.set_aside(steps.run(self._plan.observe(inputs.scenes)), scenes):
                continue
            signs = self._screen(inputs.scenes, scenes)
            if signs is not None:
                return Choice(inputs, scenes, rasters, signs, self._select(scenes, signs))

    def _label(self, land_cover: LandCover, inputs: Inputs) -> Mapping[str, Manifest]:
        digest = self._steps.digest("landcover", [self._config.labels.source])
        copy = self._steps.whole(self._plan.index(land_cover, digest))
        outcome = self._steps.run(self._plan.label(land_cover, copy.content, inputs.tiles))
        raise_all(outcome.errors)
        return outcome.manifests

    def _locate(self, inputs: Inputs, regions: Regions, rasters: Mapping[str, Manifest]) -> None:
        outline, sources = self._config.area.outline, self._config.regions.files
        digest = self._steps.digest("regions", [*sources, *([outline] if outline is not None else [])])
        contents = [digest, *(rasters[tile.name].content for tile in inputs.tiles)]
        manifest = self._steps.whole(self._plan.locate(inputs.tiles, regions, contents))
        self._steps.report.locations = int(manifest.result["locations"])

    def _screen(self, in_order: Sequence[Scene], scenes: Mapping[str, Scene]) -> Mapping[str, Path] | None:
        """Return the signs of cloud in snowy candidates by scene; None: scenes have failed and were set aside."""
        if tuple(self._needed) != ALL_RASTERS:
            return self._screening.known(in_order)
        steps = self._steps
        observed = [(scene, steps.content("observe", scene.id)) for scene in self._screening.scenes(in_order)]
        if not observed:
            steps.skip(STAGE)
            return {}
        outcome = steps.run(self._plan.screen(observed, steps.content("locate"), self._screening.made_by))
        if steps.set_aside(outcome, scenes):
            return None
        return {scene: steps.workspace.cloud_signs(scene) for scene in outcome.manifests}

    def _select(self, scenes: Mapping[str, Scene], signs: Mapping[str, Path]) -> pd.DataFrame:
        steps = self._steps
        contents = [steps.content("locate"), *(steps.content("observe", scene) for scene in scenes)]
        contents += [steps.content(STAGE, scene) for scene in signs]
        manifest = steps.whole(self._plan.select(list(scenes.values()), signs, self._screening.judge, contents))
        steps.report.snowy = {name: int(manifest.result[name]) for name in ("snowy", "cloudy")}
        return sample_rows(steps.workspace.samples, steps.workspace.locations, scenes)
