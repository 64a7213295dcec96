"""The report of a split: sizes, class shares and deviations, leakage."""

from typing import Any

import numpy as np

from seasonet_build.config.split import SplitSection
from seasonet_build.model.classes import CLASSES, N_CLASSES
from seasonet_build.model.grid import GRIDS
from seasonet_build.model.layout import SPLITS
from seasonet_build.model.seasons import SEASONS
from seasonet_build.splits.balance import NO_SIDE, Sides, class_deviations, class_sums
from seasonet_build.splits.blocks import block_of
from seasonet_build.splits.dataset import Sampled
from seasonet_build.splits.deal import Deal
from seasonet_build.splits.leakage import leakage
from seasonet_build.splits.overlaps import Pairs

FAR_PCT = 5.0
"""Classes that are farther from their share, percent, are listed by name."""


def make_report(sampled: Sampled, dealt: Deal, pairs: Pairs, options: SplitSection) -> dict[str, Any]:
    """Return the report as JSON values; shares and deviations are percent."""
    return {
        "method": options.method,
        "seed": options.seed,
        "shares": {name: getattr(options, name) for name in SPLITS},
        "meta_csv_sha256": sampled.digest,
        "kept": dealt.kept,
        "moved": dealt.moved,
        **describe_sides(sampled, dealt.sides, pairs, options.block_m),
    }


def describe_sides(sampled: Sampled, sides: Sides, pairs: Pairs, block_m: float) -> dict[str, Any]:
    """Return the figures of a split, however it was made."""
    classes = _classes(sampled, sides)
    return {
        "locations": _locations(sampled, sides),
        "images": _images(sampled, sides),
        "images_by_grid": _images_by_grid(sampled, sides),
        "set_aside": {
            "locations": int((sides == NO_SIDE).sum()),
            "images": int(sampled.locations.n_images[sides == NO_SIDE].sum()),
        },
        "leakage": leakage(sides, pairs, sampled.places),
        "worst_class_pct": _most(classes, max),
        "mean_class_pct": _most(classes, lambda values: sum(values) / len(values)),
        "classes": classes,
        "far_classes": _far(classes, sampled, block_m),
    }


def _locations(sampled: Sampled, sides: Sides) -> dict[str, dict[str, int]]:
    grid = sampled.locations.grid
    return {
        name: {f"grid{g}": int(((sides == side) & (grid == g)).sum()) for g in GRIDS}
        for side, name in enumerate(SPLITS)
    }


def _images(sampled: Sampled, sides: Sides) -> dict[str, dict[str, int]]:
    images = sampled.locations.images
    counts = {
        name: {s.value: int(images[sides == side, i].sum()) for i, s in enumerate(SEASONS)}
        for side, name in enumerate(SPLITS)
    }
    return {name: {**seasons, "all": sum(seasons.values())} for name, seasons in counts.items()}


def _images_by_grid(sampled: Sampled, sides: Sides) -> dict[str, dict[str, int]]:
    grid, count = sampled.locations.grid, sampled.locations.n_images
    return {
        name: {f"grid{g}": int(count[(sides == side) & (grid == g)].sum()) for g in GRIDS}
        for side, name in enumerate(SPLITS)
    }


def _classes(sampled: Sampled, sides: Sides) -> dict[str, dict[str, Any]]:
    """Return for each class that occurs its images, pixels, and how far each split is from its share."""
    by_images, by_pixels = class_deviations(sampled.locations, sides, len(SPLITS))
    images, pixels = (sums.sum(axis=0) for sums in class_sums(sampled.locations, sides, len(SPLITS)))
    result = {}
    for i in range(N_CLASSES):
        if images[i]:
            result[str(i + 1)] = {
                "images": int(images[i]),
                "pixels": int(pixels[i]),
                "images_off_pct": _percents(by_images[:, i]),
                "pixels_off_pct": _percents(by_pixels[:, i]),
            }
    return result


def _percents(deviations: Any) -> dict[str, float | None]:
    return {
        name: None if np.isnan(value) else round(100 * float(value), 4)
        for name, value in zip(SPLITS, deviations, strict=True)
    }


def _most(classes: dict[str, dict[str, Any]], combine: Any) -> float:
    values = [abs(v) for c in classes.values() for v in c["images_off_pct"].values() if v is not None]
    return round(float(combine(values)), 4) if values else 0.0


def _far(classes: dict[str, dict[str, Any]], sampled: Sampled, block_m: float) -> list[dict[str, Any]]:
    """Return the classes that are far from their share in some split, with the number of blocks that hold them."""
    far = []
    blocks = block_of(sampled.places.centres(), block_m)
    for label, figures in classes.items():
        offs = [abs(v) for v in figures["images_off_pct"].values() if v is not None]
        if max(offs, default=0.0) > FAR_PCT:
            holders = blocks[sampled.locations.has_class[:, int(label) - 1]]
            name = CLASSES[int(label) - 1].name
            far.append({"label": int(label), "name": name, "off_pct": max(offs), "blocks": len(np.unique(holders))})
    return far
