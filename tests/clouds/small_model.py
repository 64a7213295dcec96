"""A small model that scikit-learn fitted, and the header of a model file."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from seasonet_build.clouds.boosting import Scorer, fit_boosting
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.model_file import model_bytes
from seasonet_build.clouds.trees import Trees
from tests.clouds.synthetic import examples

SIDE = {"dates": ["2018-01-01"], "tiles": ["32UNA"], "examples": 3, "sha256": "0" * 64}
USED = [name for name in FEATURES if name != "scl_snow"]
HEADER: dict[str, Any] = {
    "features": [[name, FEATURES[name]] for name in USED],
    "baseline": 0.0,
    "threshold": -0.25,
    "recall": "0.99",
    "partition": {"train": SIDE, "calibration": SIDE, "test": SIDE},
}
COLUMNS = [i for i, name in enumerate(FEATURES) if name in USED]


@dataclass(frozen=True)
class Model:
    trees: Trees
    header: dict[str, Any]
    decision: Scorer
    content: bytes


@cache
def small() -> Model:
    return fitted(300)


def fitted(n: int) -> Model:
    training = examples(n)
    trees, baseline, decision = fit_boosting(training.features[:, COLUMNS], training.cloudy, 0)
    header = {**HEADER, "baseline": baseline}
    return Model(trees, header, decision, model_bytes(header, trees))
