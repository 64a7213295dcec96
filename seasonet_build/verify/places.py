"""No two patches of a grid overlap on the ground, and a location has at most one image in a season set."""

import numpy as np

from seasonet_build.splits.overlaps import Places, find_pairs
from seasonet_build.verify.findings import Findings
from seasonet_build.verify.table import Meta


def check_places(meta: Meta, findings: Findings) -> None:
    """Name samples that are there twice, and locations of one grid that overlap; ``meta`` is sound."""
    _check_samples(meta, findings)
    key, first = np.unique(meta.key, return_index=True)
    places = meta.names.places
    grid = np.array(meta.names.parts["grid"].take(first).to_pylist(), dtype="U1")
    pairs = find_pairs(Places(places.epsg[first], places.x[first], places.y[first]))
    one, other = pairs.members[pairs.overlap].T if len(key) > 1 else np.empty((2, 0), dtype=np.int64)
    for a, b in zip(*(side[grid[one] == grid[other]] for side in (one, other)), strict=True):
        path, another = (meta.paths[int(first[place])].as_py() for place in (a, b))
        findings.wrong(path, f"overlaps on the ground, in the same grid, {another}")


def _check_samples(meta: Meta, findings: Findings) -> None:
    sample = meta.key * 8 + meta.season
    _, first, of_row = np.unique(sample, return_index=True, return_inverse=True)
    for row in np.flatnonzero(first[of_row] != np.arange(len(sample))):
        path, other = meta.paths[int(row)].as_py(), meta.paths[int(first[of_row[row]])].as_py()
        findings.wrong(path, f"is of the same location and season set as {other}")
