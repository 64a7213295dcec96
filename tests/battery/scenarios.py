"""Runs that are worth killing: each changes something, and begins where an earlier run ended."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.bad_input.command_line import Run
from tests.battery.crash_build import BEST, CrashBuild, Tree, write_image_product
from tests.battery.traced import Call, traced_commands


@dataclass(frozen=True)
class Scenario:
    """A run: what has changed since the one before it (inputs or options); ``fresh``: there was none before."""

    name: str
    options: tuple[str, ...] = ()
    change: Callable[["Bench"], None] | None = None
    fresh: bool = False


class Bench:
    """A build with a finished workspace that is kept, and other inputs to put in the place of its own."""

    def __init__(self, folder: Path) -> None:
        self.build = CrashBuild(folder / "build")
        self.build.write_inputs()
        self._stock = folder / "stock"
        self._stock.mkdir()
        write_image_product(self._stock, BEST, 11)
        run = traced_commands().run(*self.arguments(), cwd=self.build.folder)
        assert run.code == 0, run.stderr
        self._finished = self.build.save(folder / "finished")

    def arguments(self, *options: str) -> tuple[object, ...]:
        return ("run", self.build.config, "--workers", 1, *options)

    def replace_best(self) -> None:
        """Put a product of other pixels in the place of the best one; the name is the same."""
        self.remove_best()
        (self._stock / BEST.name).rename(self.build.products / BEST.name)

    def remove_best(self) -> None:
        (self.build.products / BEST.name).rename(self._stock / "removed")

    def _mend(self) -> None:
        """Take back whatever was done to the inputs, times included."""
        if (self._stock / "removed").exists():
            if (self.build.products / BEST.name).exists():
                (self.build.products / BEST.name).rename(self._stock / BEST.name)
            (self._stock / "removed").rename(self.build.products / BEST.name)

    def start_finished(self) -> None:
        """Give the workspace the state that the first run left."""
        self.build.start_from(self._finished)

    @contextmanager
    def changed(self, change: Callable[["Bench"], None] | None) -> Iterator[None]:
        """Change the inputs for a while."""
        try:
            if change is not None:
                change(self)
            yield
        finally:
            self._mend()

    @contextmanager
    def prepared(self, scenario: Scenario) -> Iterator["Prepared"]:
        """Set the inputs of a scenario, and carry it out once undisturbed to see what it does."""
        with self.changed(scenario.change):
            saved = None if scenario.fresh else self._finished
            self.build.start_from(saved)
            before = self.build.tree() if saved is not None else {}
            arguments = self.arguments(*scenario.options)
            traced = traced_commands().list_calls(*arguments, cwd=self.build.folder, below=self.build.workspace)
            assert traced.run.code == 0, traced.run.stderr
            yield Prepared(self.build, arguments, saved, before, self.build.tree(), traced.calls)


@dataclass(frozen=True)
class Prepared:
    """A scenario ready to be disturbed: workspace before and after it, and the calls by which it changes files."""

    build: CrashBuild
    arguments: tuple[object, ...]
    saved: Path | None
    before: Tree
    after: Tree
    calls: tuple[Call, ...]

    def start(self) -> None:
        self.build.start_from(self.saved)

    def run(self) -> Run:
        return traced_commands().run(*self.arguments, cwd=self.build.folder)

    def kill_at(self, call: Call) -> Run:
        return traced_commands().kill_at(call, *self.arguments, cwd=self.build.folder)

    def fail_at(self, call: Call, error: str, *, onwards: bool) -> Run:
        return traced_commands().fail_at(call, error, *self.arguments, cwd=self.build.folder, onwards=onwards)


FRESH = Scenario("fresh build", fresh=True)
MASKS = Scenario("masks switched on", ("--set", "output.masks=true"))
PIXELS = Scenario("product with other pixels", change=Bench.replace_best)
REMOVED = Scenario("product removed", change=Bench.remove_best)
SEED = Scenario("other seed of the split", ("--set", "split.seed=7", "--set", "split.keep=false"))
SCENARIOS = (FRESH, MASKS, PIXELS, REMOVED, SEED)


def some(calls: Sequence[Call], n: int | None, seed: str) -> list[Call]:
    """Return n of some calls, spread over the run, in a random order; None: all."""
    chance = random.Random(seed)
    n = len(calls) if n is None else min(n, len(calls))
    # Cut into n stretches of even length, one of each: from the beginning to the end of the run.
    edges = [len(calls) * i // n for i in range(n + 1)]
    chosen = [calls[chance.randrange(start, end)] for start, end in pairwise(edges)]
    chance.shuffle(chosen)
    return chosen
