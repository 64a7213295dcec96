"""A figure of the class distribution of the whole dataset and of its splits."""

from pathlib import Path

import numpy as np

from seasonet_build.model.classes import CLASSES, N_CLASSES
from seasonet_build.model.layout import SPLITS
from seasonet_build.splits.balance import Sides, class_sums
from seasonet_build.splits.dataset import Sampled


def draw_distribution(sampled: Sampled, sides: Sides, path: Path) -> None:
    """Draw which share of the labelled pixels each class has, in the whole and in each split, on a logarithmic scale.

    Where pixels are not known, which share of the images show the class. As Fig. 1 of the SeasoNet paper.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images, pixels = class_sums(sampled.locations, sides, len(SPLITS))
    values = pixels if pixels.any() else images
    bars = [("whole", values.sum(axis=0)), *zip(SPLITS, values, strict=False)]
    figure = Figure(figsize=(14, 6), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    width = 0.8 / len(bars)
    for number, (name, sums) in enumerate(bars):
        shares = 100 * sums / max(1, sums.sum())
        axes.bar(np.arange(N_CLASSES) + (number - 1.5) * width, shares, width, label=name)
    if values.any():
        axes.set_yscale("log")
    axes.set_ylabel("share of labelled pixels, %" if pixels.any() else "share of class entries, %")
    axes.set_xticks(
        np.arange(N_CLASSES), [f"{c.name} ({c.label})" for c in CLASSES], rotation=60, ha="right", fontsize=7
    )
    axes.legend()
    figure.tight_layout()
    # Without the version of the library, so that the same input gives the same bytes.
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
