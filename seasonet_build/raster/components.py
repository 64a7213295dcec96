"""Regions: connected sets of pixels of one class inside one patch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Labels = NDArray[np.uint8]
"""Patches, shape (n, height, width)."""


@dataclass(frozen=True)
class Runs:
    """Runs of pixels of one class in a row of a patch, in reading order.

    Attributes:
        start: position of the first pixel in the flattened patches.
        length: pixels of the run.
        region_size: pixels of the region that the run is part of.
    """

    start: Ints
    length: Ints
    region_size: Ints


def find_runs(labels: Labels, connectivity: int) -> Runs:
    """Take patches apart into runs and find the regions that they form.

    Args:
        labels: patches; regions end at the edge of a patch.
        connectivity: 4 (pixels that share an edge) or 8 (a corner is enough).
    """
    starts = np.ones(labels.shape, dtype=bool)
    starts[:, :, 1:] = labels[:, :, 1:] != labels[:, :, :-1]
    start = np.flatnonzero(starts.ravel())
    length = np.diff(np.append(start, labels.size))
    if not len(start):
        return Runs(start, length, length)
    upper, lower = _touching_runs(labels, starts, connectivity)
    graph = coo_array((np.ones(len(upper), dtype=np.int8), (upper, lower)), shape=(len(start), len(start)))
    _, region = connected_components(graph, directed=False)
    size_of_region = np.bincount(region, weights=length).astype(np.int64)
    return Runs(start, length, size_of_region[region])


def region_sizes(labels: Labels, connectivity: int) -> NDArray[np.int32]:
    """Return for every pixel the number of pixels of the region it belongs to, shape (n, height, width)."""
    runs = find_runs(labels, connectivity)
    return np.repeat(runs.region_size, runs.length).astype(np.int32).reshape(labels.shape)


def _touching_runs(
    labels: Labels, starts: NDArray[np.bool_], connectivity: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return pairs of runs of one class that touch in neighbouring rows; a pair may come more than once."""
    run = np.cumsum(starts.ravel(), dtype=np.int32).reshape(labels.shape) - 1
    above, below = labels[:, :-1], labels[:, 1:]
    # Two runs first meet in a column where at least one of them starts; further columns tell nothing new.
    joined = [((above == below) & (starts[:, :-1] | starts[:, 1:]), slice(None), slice(None))]
    if connectivity == 8:
        joined.append((above[:, :, :-1] == below[:, :, 1:], slice(None, -1), slice(1, None)))
        joined.append((above[:, :, 1:] == below[:, :, :-1], slice(1, None), slice(None, -1)))
    upper = [run[:, :-1, columns][meet] for meet, columns, _ in joined]
    lower = [run[:, 1:, columns][meet] for meet, _, columns in joined]
    return np.concatenate(upper), np.concatenate(lower)
