"""What a run did, for people and for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from seasonet_build.engine.changes import read_changes
from seasonet_build.errors import ExitCode
from seasonet_build.model.grid import GRIDS
from seasonet_build.model.seasons import SEASONS
from seasonet_build.sources.scenes import Scene, SetAside


@dataclass
class StageCount:
    """The units of a stage: those that the build has, and those that were done in this run."""

    units: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    @property
    def n_done(self) -> int:
        """Return how many units were done in this run."""
        return len(self.done)

    @property
    def n_unchanged(self) -> int:
        """Return how many units had been done before."""
        return len(self.units - self.done)


@dataclass
class RunReport:
    """What a run did and what the dataset holds now.

    ``samples`` maps season set and grid to a number of samples; ``snowy`` counts the candidates of the snowy set in all
    scenes (``snowy``), and those of them that were taken for cloudy (``cloudy``); ``splits`` maps a split to its number
    of samples; ``unverified`` names products looked at in this run that have no check sums which can be believed;
    ``removed`` counts patch folders that had no use any more. ``changes`` are the files that tell how the published
    dataset changed (none: not at all).
    """

    dataset: str
    stages: dict[str, StageCount] = field(default_factory=dict)
    samples: dict[str, dict[int, int]] = field(default_factory=dict)
    snowy: dict[str, int] = field(default_factory=dict)
    locations: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    products_used: list[str] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    removed: int = 0
    changes: list[Path] = field(default_factory=list)

    def count(self, stage: str, units: Iterable[str], done: Iterable[str]) -> None:
        """Add to the units of a stage and to those that were done in this run."""
        counts = self.stages.setdefault(stage, StageCount())
        counts.units |= set(units)
        counts.done |= set(done)

    def note_changes(self, files: Iterable[Path]) -> None:
        """Note the files that tell how the published dataset changed.

        There are two if this run began by finishing what an interrupted one had published in part.
        """
        self.changes = sorted(files)

    def summarise(self, rows: pd.DataFrame, scenes: Sequence[Scene]) -> None:
        """Count the samples and say of each product whether it is used.

        Args:
            rows: the samples, with columns ``season``, ``grid`` and ``scene``.
            scenes: all scenes that could be chosen.
        """
        counts = rows.groupby(["season", "grid"]).size().to_dict()
        self.samples = {s.value: {grid: int(counts.get((s.value, grid), 0)) for grid in GRIDS} for s in SEASONS}
        chosen = set(rows["scene"])
        for scene in scenes:
            names = [product.name for product in scene.products]
            if scene.id in chosen:
                self.products_used += names
            else:
                reason = "is not the best scene of any patch"
                self.set_aside += [SetAside(product=name, reason=reason) for name in names]
        self.products_used.sort()
        self.set_aside.sort(key=lambda item: (item.product, item.reason))

    def change_counts(self) -> dict[str, int]:
        """Return how many samples of the published dataset are new, replaced and removed."""
        counts = Counter({"new": 0, "replaced": 0, "removed": 0})
        for file in self.changes:
            counts.update(read_changes(file)["counts"])
        return dict(counts)

    @property
    def damaged(self) -> dict[str, str]:
        """Return why damaged products were set aside, by name."""
        return {item.product: item.reason for item in self.set_aside if item.damaged}

    @property
    def n_samples(self) -> int:
        """Return the number of samples of the dataset."""
        return sum(sum(grids.values()) for grids in self.samples.values())

    @property
    def changed(self) -> bool:
        """Tell whether anything was done or removed."""
        return self.removed > 0 or any(counts.n_done for counts in self.stages.values())

    @property
    def exit_code(self) -> ExitCode:
        """Return PARTLY if a damaged product was left out, else OK."""
        return ExitCode.PARTLY if self.damaged else ExitCode.OK

    def as_json(self) -> Mapping[str, Any]:
        """Return the report as JSON values."""
        return {
            "dataset": self.dataset,
            "changed": self.changed,
            "stages": {n: {"done": c.n_done, "unchanged": c.n_unchanged} for n, c in self.stages.items()},
            "locations": self.locations,
            "samples": {season: {f"grid{g}": n for g, n in grids.items()} for season, grids in self.samples.items()},
            "snowy_candidates": self.snowy,
            "splits": self.splits,
            "products_used": self.products_used,
            "set_aside": [item.model_dump() for item in self.set_aside],
            "unverified": self.unverified,
            "removed": self.removed,
            "changes": {**self.change_counts(), "files": [str(file) for file in self.changes]},
        }
