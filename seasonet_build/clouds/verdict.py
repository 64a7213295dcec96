"""Cloudy or clear: what follows from the signs that were found in a snowy patch."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seasonet_build.config.snow import SnowSection
from seasonet_build.model.tables import SCL_PIXELS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Judge:
    """Tells by the limits of a configuration which patches are cloudy.

    ``threshold`` is that of the model, if one is used: from this score on a patch is cloudy.
    """

    snow: SnowSection
    threshold: float | None = None

    def scores(self, signs: pd.DataFrame) -> Floats:
        """Return the score of each patch, NaN where there is none; the higher, the more it looks like cloud.

        Screen: the larger of its two measures, each divided by its limit: cloudy from 1 on. Model: log-odds. Ukis:
        share of cloud, 0..1.

        Args:
            signs: the columns of the table CLOUD_SIGNS.
        """
        if self.snow.classifier == "screen":
            limit = self.snow.max_bright / 100 * SCL_PIXELS
            bright = signs["bright"].to_numpy(np.float64)
            share = bright / limit if limit else np.where(bright > 0, np.inf, 1.0)
            return np.fmax(share, signs["vapour"].to_numpy(np.float64) / self.snow.max_vapour)
        return signs["score"].to_numpy(np.float64)

    def cloudy(self, signs: pd.DataFrame) -> Flags:
        """Tell which patches are cloudy; one of which the classifier cannot say anything is."""
        if self.snow.classifier == "none":
            return np.zeros(len(signs), dtype=bool)
        if self.snow.classifier == "screen":
            return screen(signs["bright"].to_numpy(), signs["vapour"].to_numpy(np.float64), self.snow)
        scores = signs["score"].to_numpy(np.float64)
        threshold = self.snow.max_bright / 100 if self.threshold is None else self.threshold
        return ~(scores < threshold)


def screen(bright: NDArray[np.integer], vapour: Floats, limits: SnowSection) -> Flags:
    """Tell which patches the screen takes for cloudy.

    It rests on what snow and cloud reflect, and has not been validated on labelled snow and cloud.

    Args:
        bright: pixels of 20 m, of 3600, that are bright in visible light and in B11 (see clouds.measures).
        vapour: 75th percentile of B09/B8A; NaN (no data) counts as cloudy.
        limits: the share from which on, and the percentile above which a patch is cloudy.
    """
    many: Flags = bright.astype(np.int64) * 100 >= limits.max_bright * SCL_PIXELS
    return many | ~(vapour <= limits.max_vapour)
