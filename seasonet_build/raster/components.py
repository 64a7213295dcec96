"""Sizes of regions: connected sets of pixels of one class inside one patch."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


def region_sizes(labels: NDArray[np.uint8], connectivity: int) -> NDArray[np.int32]:
    """Return for every pixel the number of pixels of the region it belongs to.

    Rows are taken apart into runs of one class; runs that touch in neighbouring rows are joined.

    Args:
        labels: patches, shape (n, height, width); regions end at the edge of a patch.
        connectivity: 4 (pixels that share an edge) or 8 (a corner is enough).

    Returns:
        Sizes in pixels, shape (n, height, width).
    """
    starts = np.ones(labels.shape, dtype=bool)
    starts[:, :, 1:] = labels[:, :, 1:] != labels[:, :, :-1]
    run = np.cumsum(starts.ravel(), dtype=np.int32).reshape(labels.shape) - 1
    n_runs = int(run[-1, -1, -1]) + 1 if run.size else 0
    if n_runs == 0:
        return np.zeros(labels.shape, dtype=np.int32)
    upper, lower = _touching_runs(labels, starts, run, connectivity)
    graph = coo_array((np.ones(len(upper), dtype=np.int8), (upper, lower)), shape=(n_runs, n_runs))
    _, region = connected_components(graph, directed=False)
    lengths = np.diff(np.append(np.flatnonzero(starts.ravel()), starts.size))
    sizes = np.bincount(region, weights=lengths).astype(np.int32)
    of_run: NDArray[np.int32] = sizes[region]
    return of_run[run]


def _touching_runs(
    labels: NDArray[np.uint8], starts: NDArray[np.bool_], run: NDArray[np.int32], connectivity: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return pairs of runs of one class that touch in neighbouring rows; a pair may come more than once."""
    above, below = labels[:, :-1], labels[:, 1:]
    # Two runs first meet in a column where at least one of them starts; further columns tell nothing new.
    joined = [((above == below) & (starts[:, :-1] | starts[:, 1:]), slice(None), slice(None))]
    if connectivity == 8:
        joined.append((above[:, :, :-1] == below[:, :, 1:], slice(None, -1), slice(1, None)))
        joined.append((above[:, :, 1:] == below[:, :, :-1], slice(1, None), slice(None, -1)))
    upper = [run[:, :-1, columns][meet] for meet, columns, _ in joined]
    lower = [run[:, 1:, columns][meet] for meet, _, columns in joined]
    return np.concatenate(upper), np.concatenate(lower)
