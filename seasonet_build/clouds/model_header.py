"""What the header of a model file says, and whether it can be so."""

import math
from collections.abc import Mapping
from typing import Any

from seasonet_build.clouds.features import FEATURES

FORMAT = "seasonet-build cloud model"
FORMAT_VERSION = 1

PARTS = ("train", "calibration", "test")
"""The sides of the partition that a model comes from."""


def header_fault(header: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a header, None if nothing is.

    What the program relies on: ``features`` (pairs of name and unit, in the order of the trees' columns), ``baseline``,
    ``threshold``, ``recall`` (text of the wanted one), ``partition`` (for each side ``dates``, ``tiles``, ``examples``
    and ``sha256`` over the sorted ids).
    """
    features = header.get("features")
    if not isinstance(features, list) or not features:
        return "it names no features"
    for feature in features:
        if feature not in [[*pair] for pair in FEATURES.items()]:
            return f"this program has no feature {feature}"
    for key in ("baseline", "threshold"):
        value = header.get(key)
        if not isinstance(value, float) or not math.isfinite(value):
            return f"its {key} is no number"
    if not isinstance(header.get("recall"), str):
        return "it does not say which recall was wanted"
    partition = header.get("partition")
    if not isinstance(partition, dict) or not all(_is_side(partition.get(part)) for part in PARTS):
        return "it does not say what it was trained, calibrated and tested on"
    return None


def _is_side(side: object) -> bool:
    return (
        isinstance(side, dict)
        and all(_are_texts(side.get(key)) for key in ("dates", "tiles"))
        and isinstance(side.get("examples"), int)
        and isinstance(side.get("sha256"), str)
    )


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
