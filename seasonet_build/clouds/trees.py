"""Boosted decision trees as arrays, and what they predict, with numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

MAX_TREES = 5_000
MAX_TREE_NODES = 1_023
"""More than any model of ours has; a file that says more is refused before anything is allocated."""

_CHUNK = 4_096  # patches: bounds the memory that a prediction takes


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees one after the other, n of them; each field has shape (n,) unless it says otherwise.

    Attributes:
        roots: where each tree begins, shape (trees,).
        left: where patches go whose feature is at most the threshold; a leaf leads to itself.
        right: where the others go; a leaf leads to itself.
        feature: column that a node looks at; 0 in a leaf.
        threshold: never NaN; infinite if a node only parts known from unknown; 0 in a leaf.
        missing_left: 1 if patches whose feature is not known go to the left, else 0.
        value: what a leaf adds to the score, finite.
    """

    roots: Ints
    left: Ints
    right: Ints
    feature: NDArray[np.int16]
    threshold: Floats
    missing_left: NDArray[np.uint8]
    value: Floats

    def fault(self, n_features: int) -> str | None:
        """Return what is wrong with the arrays, None if nothing is: a prediction then ends, and in a leaf."""
        n, here = len(self.left), np.arange(len(self.left))
        if {len(self.right), len(self.feature), len(self.threshold), len(self.missing_left), len(self.value)} != {n}:
            return "the arrays of its nodes are not of one length"
        sizes = np.append(self.roots[1:].astype(np.int64), n) - self.roots
        if not len(self.roots) or self.roots[0] != 0 or sizes.min() < 1:
            return "its trees do not follow each other"
        if len(sizes) > MAX_TREES or sizes.max() > MAX_TREE_NODES:
            return f"it has more than {MAX_TREES} trees or more than {MAX_TREE_NODES} nodes in one"
        leaf = (self.left == here) & (self.right == here)
        ends = np.repeat(self.roots + sizes, sizes)
        inner = (self.left > here) & (self.right > here) & (self.left < ends) & (self.right < ends)
        if not (leaf | inner).all():
            return "a node leads to one before it or to another tree"
        led_to = np.bincount(np.concatenate([self.left[inner], self.right[inner]]), minlength=n)
        expected = np.ones(n, dtype=np.int64)
        expected[self.roots] = 0
        if (led_to != expected).any():
            return "a node is led to from nowhere or twice"
        if self.feature.min() < 0 or self.feature.max() >= n_features:
            return "a node looks at a feature that is not there"
        if np.isnan(self.threshold).any() or not np.isfinite(self.value).all() or self.missing_left.max() > 1:
            return "a node holds a number that cannot be"
        return None

    def scores(self, baseline: float, features: Floats) -> Floats:
        """Return the baseline plus what each tree says, added up tree by tree, shape (n,).

        Args:
            baseline: where the sum begins.
            features: shape (n, features); NaN: not known.
        """
        found = np.full(len(features), baseline)
        for first in range(0, len(features), _CHUNK):
            leaves = self._leaves(features[first : first + _CHUNK])
            part = found[first : first + _CHUNK]
            # In this order only is the sum that of scikit-learn to the last bit.
            for values in self.value[leaves].T:
                part += values
        return found

    def _leaves(self, features: Floats) -> NDArray[np.intp]:
        """Return the leaf of every patch in every tree, shape (n, trees)."""
        rows = np.arange(len(features))[:, np.newaxis]
        nodes = np.broadcast_to(self.roots.astype(np.intp), (len(features), len(self.roots)))
        while True:
            values = features[rows, self.feature[nodes]]
            to_left = (values <= self.threshold[nodes]) | (np.isnan(values) & (self.missing_left[nodes] == 1))
            after = np.where(to_left, self.left[nodes], self.right[nodes]).astype(np.intp)
            if np.array_equal(after, nodes):
                return after
            nodes = after
