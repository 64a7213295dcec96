"""Make, compare and take over the splits of a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seasonet_build.config.split import SplitSection
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.balance import NO_SIDE, Sides
from seasonet_build.splits.dataset import Sampled, read_samples
from seasonet_build.splits.deal import deal
from seasonet_build.splits.figure import draw_distribution
from seasonet_build.splits.overlaps import find_pairs
from seasonet_build.splits.report import describe_sides, make_report
from seasonet_build.splits.store import (
    FIGURE,
    read_sides,
    recover,
    rule_of,
    sides_from_files,
    write_split,
)


def split_dataset(
    layout: DatasetLayout, options: SplitSection, last: DatasetLayout | None = None
) -> tuple[list[Path], dict[str, Any]]:
    """Write the split files of a dataset; return them and the report.

    ``last`` is the dataset whose split gives locations the sides that they keep, if not this one.

    All images of a location go to the same set. The sides depend on the samples, the options and, for locations that
    keep theirs, on the split that was there; not on the order of rows.

    Raises:
        DataError: ``meta.csv`` is missing or damaged, or has too few locations for a share.
    """
    recover(layout)
    sampled = read_samples(layout, options.balance)
    pairs = find_pairs(sampled.places)
    dealt = deal(sampled, pairs, options, _kept(last or layout, sampled, options))
    report = make_report(sampled, dealt, pairs, options)
    return _write(layout, sampled, dealt.sides, report, options), report


def adopt_split(
    layout: DatasetLayout, other: DatasetLayout, options: SplitSection
) -> tuple[list[Path], dict[str, Any]]:
    """Take over the split of another dataset for the samples that are in both; return files and report.

    Samples match by season set, grid, latitude and longitude. Those without a counterpart are set aside, and counted.

    Raises:
        DataError: a table or split file is missing or damaged.
    """
    recover(layout)
    own, theirs = read_samples(layout), read_samples(other)
    their_sides = sides_from_files(other.splits, theirs)
    own_samples, their_samples = _sample_keys(own), _sample_keys(theirs)
    shared = np.isin(own_samples, their_samples)
    place = np.searchsorted(theirs.key, own.key)
    place = np.minimum(place, max(0, len(theirs.key) - 1))
    known = np.zeros(len(own.key), dtype=bool)
    known[np.unique(own.of_row[shared])] = True
    sides = np.where(known, their_sides[place] if len(theirs.key) else NO_SIDE, NO_SIDE).astype(np.int8)
    pairs = find_pairs(own.places)
    report = {
        "method": "import",
        "from": str(other.root),
        "meta_csv_sha256": own.digest,
        "samples_taken_over": int(shared.sum()),
        "samples_without_counterpart": int((~shared).sum()),
        "their_samples_without_counterpart": int((~np.isin(their_samples, own_samples)).sum()),
        **describe_sides(own, sides, pairs, options.block_m),
    }
    return _write(layout, own, sides, report, options, rule="import"), report


def compare_splits(layout: DatasetLayout, folders: tuple[Path, Path], options: SplitSection) -> dict[str, Any]:
    """Return the figures of two splits of a dataset, by folder.

    Raises:
        DataError: a table or split file is missing or damaged.
    """
    sampled = read_samples(layout)
    pairs = find_pairs(sampled.places)
    return {
        str(folder): describe_sides(sampled, sides_from_files(folder, sampled), pairs, options.block_m)
        for folder in folders
    }


def sizes_of(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of samples of each split."""
    return {name: int(seasons["all"]) for name, seasons in report["images"].items()}


def _kept(layout: DatasetLayout, sampled: Sampled, options: SplitSection) -> Sides | None:
    """Return the sides that locations keep: those of the last split, if it was made by the same rule."""
    last = read_sides(layout) if options.keep else None
    if last is None or last.rule != rule_of(options) or not len(last.key):
        return None
    place = np.minimum(np.searchsorted(last.key, sampled.key), len(last.key) - 1)
    return np.where(last.key[place] == sampled.key, last.sides[place], NO_SIDE).astype(np.int8)


def _sample_keys(sampled: Sampled) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return sampled.key[sampled.of_row] * 8 + sampled.season


def _write(
    layout: DatasetLayout,
    sampled: Sampled,
    sides: Sides,
    report: Mapping[str, Any],
    options: SplitSection,
    rule: str | None = None,
) -> list[Path]:
    def draw(path: Path) -> None:
        draw_distribution(sampled, sides, path)

    return write_split(layout, sampled, sides, report, options, rule or rule_of(options), {FIGURE: draw})
