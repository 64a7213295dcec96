"""What a classifier is worth on labelled patches that it has not seen."""

from fractions import Fraction
from typing import Any

import numpy as np

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.figures import figures, screen_verdict
from seasonet_build.clouds.model_file import CloudModel
from seasonet_build.clouds.model_header import PARTS
from seasonet_build.errors import DataError

_SEEN = PARTS[:2]  # training and calibration


def evaluate(model: CloudModel | None, examples: Examples, recall: Fraction) -> dict[str, Any]:
    """Return the figures of a model, or of the screen, fit for JSON.

    Only patches that were sampled uniformly count, and of these only the ones whose date and tile a model was neither
    trained nor calibrated on.

    Args:
        model: None: the physical screen.
        examples: labelled patches.
        recall: the wanted one.

    Raises:
        DataError: no patch is left.
    """
    known = [] if model is None else [model.header["partition"][part] for part in _SEEN]
    dates = {date for side in known for date in side["dates"]}
    tiles = {tile for side in known for tile in side["tiles"]}
    places = zip(examples.dates, examples.tiles, strict=True)
    seen = np.array([date in dates or tile in tiles for date, tile in places], dtype=bool)
    used = examples.take(np.flatnonzero(examples.uniform & ~seen))
    left_out = {
        "near": int(np.count_nonzero(~examples.uniform)),
        "date_or_tile_seen_by_the_model": int(np.count_nonzero(examples.uniform & seen)),
    }
    if not len(used):
        raise DataError(
            f"{examples.source}: no patch is left to evaluate with ({left_out['near']} were not sampled uniformly, the "
            f"model has seen date or tile of {left_out['date_or_tile_seen_by_the_model']}): label patches of others"
        )
    scores = None if model is None else model.scores(used.features)
    found = screen_verdict(used.features) if model is None or scores is None else scores >= model.threshold
    return {
        "classifier": "screen" if model is None else model.name,
        "source": examples.source,
        "recall_wanted": float(recall),
        "dates": len({*used.dates}),
        "tiles": len({*used.tiles}),
        "left_out": left_out,
        **figures(used, found, recall, scores),
    }
