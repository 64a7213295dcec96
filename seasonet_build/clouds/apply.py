"""What a classifier says of the snowy samples of a dataset that is there."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seasonet_build.clouds.images import folder_images
from seasonet_build.clouds.model_file import CloudModel, load_model
from seasonet_build.clouds.signs import SIGNS, find_signs
from seasonet_build.clouds.verdict import Judge
from seasonet_build.config.snow import SnowSection
from seasonet_build.engine.dealing import Progress, deal
from seasonet_build.errors import ConfigError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import Season
from seasonet_build.model.tables import SCL_PIXELS
from seasonet_build.stages.meta import read_meta

Floats = NDArray[np.float64]

BATCH = 64
"""Patches that are read together: 8 MB."""


@dataclass(frozen=True)
class Batch:
    """Some snowy samples: their rows in ``meta.csv``, folders, and shares of cloud and snow, 0..1."""

    rows: NDArray[np.int64]
    folders: tuple[Path, ...]
    cloud: Floats
    snow: Floats


def apply_classifier(
    layout: DatasetLayout, snow: SnowSection, offset: int | None, workers: int, progress: Progress
) -> pd.DataFrame:
    """Return Path, score and verdict of each snowy sample, in the order of ``meta.csv``.

    Args:
        layout: the dataset; nothing in it is changed.
        snow: the classifier, ``screen`` or a model file, and the limits of the screen.
        offset: what has to be added to the digital numbers, 0 or -1000; None: it is a dataset of this program, which
            has none to add.
        workers: number of processes.
        progress: called with what is done and the number of batches.

    Returns:
        Columns Path, score (see clouds.verdict) and cloudy.

    Raises:
        ConfigError: whether 1000 is on the pixels is not known.
        DataError: table, patches or model cannot be used.
    """
    meta = read_meta(layout.meta_csv, ["Index", "Season", "Path", "Clouds", "Snow"])
    offset = _known_offset(layout, offset)
    model = None if snow.model is None else load_model(snow.model)
    snowy = meta[meta["Season"] == Season.SNOW.label]
    signs = pd.DataFrame(np.nan, index=snowy.index, columns=list(SIGNS))
    batches = list(_batches(layout.root, snowy))
    workers = min(workers, max(1, len(batches)))
    dealt = deal(partial(_find_signs, model, offset), batches, workers)
    with progress("apply", len(batches)) as advance, closing(dealt) as found:
        for rows, values in found:
            signs.loc[rows] = values
            advance()
    judge = Judge(snow, None if model is None else model.threshold)
    return pd.DataFrame(
        {"Path": snowy["Path"], "score": judge.scores(signs), "cloudy": judge.cloudy(signs)}
    ).reset_index(drop=True)


def _known_offset(layout: DatasetLayout, offset: int | None) -> int:
    if offset is not None:
        return offset
    if not layout.marker.is_file():
        raise ConfigError(
            f"{layout.root}: no dataset of this program, so whether 1000 is on its pixels is not known: state --offset "
            "0 (it is not: reflectance is DN / 10000, as in the published dataset) or --offset -1000"
        )
    return 0


def _batches(root: Path, snowy: pd.DataFrame) -> Iterator[Batch]:
    for start in range(0, len(snowy), BATCH):
        part = snowy.iloc[start : start + BATCH]
        cloud, snow = (_share(part[column]) for column in ("Clouds", "Snow"))
        yield Batch(part.index.to_numpy(), tuple(root / path for path in part["Path"]), cloud, snow)


def _share(percent: "pd.Series[float]") -> Floats:
    """Return percentages, written with four decimals, as the shares of pixels that they were made of."""
    numbers = pd.to_numeric(percent, errors="coerce").to_numpy(np.float64)
    return np.round(numbers / 100 * SCL_PIXELS) / SCL_PIXELS


def _find_signs(model: CloudModel | None, offset: int, batch: Batch) -> tuple[NDArray[np.int64], Floats]:
    return batch.rows, find_signs(folder_images(batch.folders, offset), batch.cloud, batch.snow, model)
