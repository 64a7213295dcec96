"""Training a model that tells cloud from snow, and telling what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seasonet_build import __version__
from seasonet_build.clouds.boosting import check_export, fit_boosting, fit_logistic, require_sklearn
from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.figures import figures, screen_verdict
from seasonet_build.clouds.model_file import model_bytes, parse_model
from seasonet_build.clouds.model_header import PARTS
from seasonet_build.clouds.partition import describe_side, left_out, part_examples
from seasonet_build.clouds.statistics import highest_threshold, precision_recall

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]

BOOSTING, LOGISTIC, SCREEN = "boosted trees", "logistic regression", "screen"
"""What is reported side by side; the first is the model."""


@dataclass(frozen=True)
class Trained:
    """A model that is ready to be written.

    ``content``: the model file. ``report``: fit for JSON. ``curves``: recall and precision on the test part at each
    threshold, by the name of the model.
    """

    content: bytes
    report: Mapping[str, Any]
    curves: Mapping[str, Curve]


def train(examples: Examples, recall: Fraction, seed: int) -> Trained:
    """Part the examples, fit, set the threshold on the calibration part, and try both on the test part, once.

    The result is the same for any order of the examples.

    Args:
        examples: labelled patches.
        recall: share of cloudy patches to be caught, more than 0, less than 1.
        seed: of all that is drawn at random.

    Raises:
        ConfigError: scikit-learn is not installed.
        DataError: the examples cannot be parted.
    """
    sklearn = require_sklearn()
    examples = examples.by_id()
    partition = part_examples(examples, seed)
    sides = [examples.take(positions) for positions in (partition.train, partition.calibration, partition.test)]
    training, calibration, test = sides
    known = np.flatnonzero((~np.isnan(training.features)).any(axis=0))
    columns = [[*FEATURES][i] for i in known]
    trees, baseline, decision = fit_boosting(training.features[:, known], training.cloudy, seed)
    logistic = fit_logistic(training.features[:, known], training.cloudy)
    report: dict[str, Any] = {
        "source": examples.source,
        "seed": seed,
        "recall_wanted": float(recall),
        "sides": {part: _size(side) for part, side in zip(PARTS, sides, strict=True)},
        "left_out": left_out(partition),
        "features_unknown": [name for name in FEATURES if name not in columns],
        "models": {},
    }
    curves = {}
    for name, scorer in ((BOOSTING, decision), (LOGISTIC, logistic)):
        report["models"][name], curves[name] = _tried(
            calibration, test, recall, *(scorer(side.features[:, known]) for side in (calibration, test))
        )
    report["models"][SCREEN] = {"test": figures(test, screen_verdict(test.features), recall)}
    report["notes"] = _notes(report, recall)
    header = {
        "features": [[name, FEATURES[name]] for name in columns],
        "baseline": baseline,
        "threshold": report["models"][BOOSTING]["threshold"],
        "recall": str(float(recall)),
        "partition": {part: describe_side(side) for part, side in zip(PARTS, sides, strict=True)},
        "report": report,
        "source": examples.source,
        "seed": seed,
        "versions": {"seasonet-build": __version__, "numpy": np.__version__, "scikit-learn": sklearn},
    }
    content = model_bytes(header, trees)
    model = parse_model(content)
    check_export(
        lambda rows: model.trees.scores(baseline, rows), decision, examples.features[:, known], model.trees, seed
    )
    return Trained(content, {**report, "model": model.name}, curves)


def _tried(
    calibration: Examples, test: Examples, recall: Fraction, scores: Floats, test_scores: Floats
) -> tuple[dict[str, Any], Curve]:
    """Set a threshold by the scores of the calibration part; return it with its figures, and the test part's curve."""
    caught = scores[calibration.cloudy]
    threshold = highest_threshold(caught, recall)
    k, n = int(np.count_nonzero(caught >= threshold)), len(caught)
    tried = {
        "threshold": threshold,
        "calibration": {"caught": k, "cloudy": n, "recall": k / n},
        "test": figures(test, test_scores >= threshold, recall, test_scores),
    }
    return tried, precision_recall(test_scores, test.cloudy)


def _size(side: Examples) -> dict[str, int]:
    cloudy = int(np.count_nonzero(side.cloudy))
    return {
        "cloudy": cloudy,
        "clear": len(side) - cloudy,
        "dates": len({*side.dates}),
        "tiles": len({*side.tiles}),
    }


def _notes(report: Mapping[str, Any], recall: Fraction) -> list[str]:
    """Return what a reader of the figures should know besides."""
    test, n = report["sides"]["test"], report["sides"]["calibration"]["cloudy"]
    notes = [
        "the bounds take patches for independent, which those of one scene are not: "
        f"the test part's are of {test['dates']} dates and {test['tiles']} tiles"
    ]
    if n * (1 - recall) < 1:
        notes.append(
            f"the calibration part has {n} cloudy patches, too few to allow a miss at a recall of {float(recall):g}: "
            "the threshold is the least of their scores"
        )
    if report["features_unknown"]:
        notes.append(f"not known in training, so not used: {', '.join(report['features_unknown'])}")
    return notes
