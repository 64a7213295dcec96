"""What all parts of a build share: its places, its records, and how a stage is carried out and counted."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seasonet_build.config import BuildConfig
from seasonet_build.engine.agenda import Agenda
from seasonet_build.engine.inputs import remember_damage, source_digest
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.plan import WHOLE, Plan
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.units import Progress, Runner, StageOutcome, Unit, no_progress, raise_all
from seasonet_build.errors import ProductError, SeasonetError, UnitKilledError
from seasonet_build.sources.scenes import Scene
from seasonet_build.sources.vector import source_files

log = logging.getLogger(__name__)


class Steps:
    """Carries out the stages of a build of one configuration in its workspace.

    ``killers`` are products that this run cannot use, and why.
    """

    def __init__(self, config: BuildConfig, workers: int, progress: Progress = no_progress) -> None:
        """Prepare; nothing is read or written yet."""
        self.config, self.plan = config, Plan(config)
        self.workspace, self.dataset = self.plan.workspace, self.plan.dataset
        places = {"workspace": self.workspace.root, "dataset": self.dataset.root}
        self.store = ManifestStore(self.workspace.state, places)
        self.runner = Runner(self.store, workers, progress)
        self.report = RunReport(config.dataset.name)
        self.killers: dict[str, str] = {}

    def run(
        self, units: Sequence[Unit], before: Callable[[Sequence[Unit]], None] = lambda _to_do: None
    ) -> StageOutcome:
        """Carry out the units of a stage and count them; ``before`` is called with those that are to be done."""
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

    def skip(self, stage: str) -> None:
        """Note that a stage has nothing to do, whatever it had in an earlier run."""
        Agenda(self.workspace.state, stage).begin({})

    def whole(self, unit: Unit) -> Manifest:
        """Carry out the one unit of a stage.

        Raises:
            SeasonetError: it failed.
        """
        outcome = self.run([unit])
        raise_all(outcome.errors)
        return outcome.manifests[unit.key]

    def digest(self, name: str, sources: Sequence[Path]) -> str:
        """Return a text that stands for the content of some vector files or folders of them."""
        files = [file for source in sources for file in source_files(source)]
        return source_digest(name, files, self.runner, self.report)

    def content(self, stage: str, unit: str = WHOLE) -> str:
        """Return a text that stands for what a unit has written.

        Raises:
            SeasonetError: it has no record.
        """
        manifest = self.store.read(stage, unit)
        if manifest is None:
            raise SeasonetError(f"{self.store.folder / stage}: the record of {unit} has vanished; run again")
        return manifest.content

    def set_aside(self, outcome: StageOutcome, scenes: Mapping[str, Scene]) -> bool:
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
                    self.killers[product.name] = str(error)
                elif isinstance(error, ProductError) and product.name == error.product:
                    remember_damage(product, error.reason, self.config, self.store)
        return bool(outcome.errors)
