"""A figure of precision and recall."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def draw_curves(curves: Mapping[str, tuple[Floats, Floats]], share_cloudy: float, recall: float) -> bytes:
    """Return a PNG of precision over recall on the test part; the same bytes for the same numbers.

    Args:
        curves: recall and precision at each threshold, by the name of the model.
        share_cloudy: the precision of calling every patch cloudy, 0..1.
        recall: the wanted one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, (found, precision) in curves.items():
        axes.step(np.append(0.0, found), np.append(precision[:1], precision), where="pre", label=name)
    axes.axhline(share_cloudy, color="grey", linestyle=":", label="every patch called cloudy")
    axes.axvline(recall, color="grey", linestyle="--", label=f"wanted recall, {recall:g}")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall: share of cloudy patches that are caught")
    axes.set_ylabel("precision: share of what is caught that is cloudy")
    axes.set_title("test part")
    axes.legend(loc="lower left")
    figure.tight_layout()
    file = io.BytesIO()
    # Without the version of the library, so that the same input gives the same bytes.
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
