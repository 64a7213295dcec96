"""Which products patches would be cut from, judged by their scene classification alone.

It is told by a process of its own: the build's libraries take more memory than all transfers, and go with it.
"""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from seasonet_build.config import BuildConfig
from seasonet_build.engine.workers import end_workers, spawned_pool
from seasonet_build.errors import DataError, SeasonetError
from seasonet_build.model.bands import SCL


@dataclass(frozen=True)
class Usefulness:
    """How many patches each product would be chosen for, and what is wrong with those that are damaged, by name."""

    cells: Mapping[str, int]
    damaged: Mapping[str, str]


def judge_products(config: BuildConfig, partial: Path, workers: int) -> Usefulness:
    """Judge the products that are there and those in ``partial``, of which only the classification is there.

    Raises:
        DataError: it cannot be told, for want of the land-cover map or the like.
    """
    executor = spawned_pool(1)
    try:
        useful = executor.submit(_judge, config, partial, workers).result()
    except BrokenProcessPool:
        raise SeasonetError("the process that chooses scenes died (out of memory?); run again") from None
    except BaseException:
        end_workers(executor)
        raise
    executor.shutdown()
    return useful


def _judge(config: BuildConfig, partial: Path, workers: int) -> Usefulness:
    from seasonet_build.engine.choice import Chooser
    from seasonet_build.engine.steps import Steps

    folders = tuple(folder for folder in (*config.products.folders, partial) if folder.is_dir())
    products = config.products.model_copy(update={"folders": folders, "damaged": "set-aside"})
    steps = Steps(config.model_copy(update={"products": products}), workers)
    cells: Counter[str] = Counter()
    try:
        choice = Chooser(steps, needed=(SCL,)).choose()
        for scene, count in choice.rows["scene"].value_counts().items():
            for product in choice.scenes[str(scene)].products:
                cells[product.name] += int(count)
    except DataError as error:
        if not steps.report.damaged:
            reason = f"download.scl_first: which scenes are needed cannot be told: {error} (or set it to false)"
            raise DataError(reason) from None
    return Usefulness(dict(cells), steps.report.damaged)
