"""What a classifier makes of patches whose truth is known, as numbers for reports."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.statistics import average_precision, further_needed, lower_bound, upper_bound
from seasonet_build.clouds.verdict import screen
from seasonet_build.config.snow import SnowSection
from seasonet_build.model.tables import SCL_PIXELS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_CLOUD_BINS = (0, 10, 30, 60, 100)  # percent; the last one holds its upper end too
_COLUMN = {name: i for i, name in enumerate(FEATURES)}


def figures(examples: Examples, found: Flags, recall: Fraction, scores: Floats | None = None) -> dict[str, Any]:
    """Return what came of classifying patches, fit for JSON.

    Args:
        examples: the patches, all of them sampled uniformly.
        found: which were taken for cloudy, shape (n,).
        recall: the wanted one.
        scores: the scores that led to it, if there were any.

    Returns:
        ``caught`` of ``cloudy`` patches, their share ``recall`` and its lower bound ``recall_at_least``; ``lost`` of
        ``clear`` patches, ``lost_share`` and its upper bound ``lost_at_most``; ``average_precision``; recall
        ``by_cloud`` fraction; whether the wanted recall is ``demonstrated``, and if not what is ``missing``.
    """
    cloudy = examples.cloudy
    n, clear = _count(cloudy), _count(~cloudy)
    caught, lost = _count(cloudy & found), _count(~cloudy & found)
    return {
        "caught": caught,
        "cloudy": n,
        "recall": caught / n if n else None,
        "recall_at_least": lower_bound(caught, n),
        "lost": lost,
        "clear": clear,
        "lost_share": lost / clear if clear else None,
        "lost_at_most": upper_bound(lost, clear),
        "average_precision": None if scores is None else average_precision(scores, cloudy),
        "by_cloud": _by_cloud(examples, found),
        **_claim(caught, n, recall),
    }


def screen_verdict(features: Floats) -> Flags:
    """Tell which patches the physical screen with its usual limits takes for cloudy, shape (n,).

    Args:
        features: shape (n, len(FEATURES)).
    """
    bright = np.nan_to_num(features[:, _COLUMN["bright"]]) * SCL_PIXELS
    return screen(np.rint(bright).astype(np.int64), features[:, _COLUMN["vapour_p75"]], SnowSection())


def _claim(caught: int, n: int, recall: Fraction) -> dict[str, Any]:
    further = further_needed(caught, n, recall)
    if not further:
        return {"demonstrated": True, "missing": None}
    return {
        "demonstrated": False,
        "missing": f"{further} further cloudy test patches without a miss are needed (95 % confidence)",
    }


def _by_cloud(examples: Examples, found: Flags) -> dict[str, Any]:
    """Return recall by the share of a patch that is cloud: as the scene classification says, or bright pixels."""
    features = examples.features[examples.cloudy]
    shares = features[:, _COLUMN["scl_cloud"]]
    unknown = np.isnan(shares)
    shares = 100 * np.where(unknown, features[:, _COLUMN["bright"]], shares)
    caught = found[examples.cloudy]
    bins = []
    for low, high in pairwise(_CLOUD_BINS):
        inside = (shares >= low) & ((shares < high) | (high == _CLOUD_BINS[-1]))
        n, k = _count(inside), _count(inside & caught)
        bins.append({"from_pct": low, "to_pct": high, "caught": k, "cloudy": n, "recall": k / n if n else None})
    by_bright = _count(unknown)
    return {"by_scene_classification": len(shares) - by_bright, "by_bright_pixels": by_bright, "bins": bins}


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))
