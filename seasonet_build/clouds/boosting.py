"""The models that scikit-learn fits, and boosted trees taken out of it; needs the extra ``clouds``."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.trees import Trees
from seasonet_build.errors import ConfigError, SeasonetError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Scorer = Callable[[Floats], Floats]

_CHECK_ROWS = 2_000
_UNKNOWN_SKLEARN = (
    "scikit-learn {} keeps trees in a way that is not known: nothing was written; install another version"
)


def require_sklearn() -> str:
    """Return the version of scikit-learn.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import sklearn
        import threadpoolctl  # noqa: F401
    except ImportError:
        raise ConfigError("training needs scikit-learn: pip install 'seasonet-build[clouds]'") from None
    return str(sklearn.__version__)


def fit_boosting(features: Floats, cloudy: Flags, seed: int) -> tuple[Trees, float, Scorer]:
    """Fit boosted trees.

    Args:
        features: shape (n, features); NaN: not known.
        cloudy: shape (n,), some True and some False.
        seed: of what is drawn at random.

    Returns:
        The trees, the baseline, and scikit-learn's own function for the scores.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Modest, as there are thousands of examples of few dates; no part of them is held back to stop early, as that
    # would be drawn by patch.
    model = HistGradientBoostingClassifier(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        max_bins=127,
        l2_regularization=1.0,
        early_stopping=False,
        class_weight="balanced",
        random_state=seed,
    )
    with _one_thread():
        model.fit(features, cloudy)
    try:
        trees = _concatenated([predictor.nodes for (predictor,) in model._predictors])
        return trees, float(np.ravel(model._baseline_prediction)[0]), _on_one_thread(model.decision_function)
    except (AttributeError, TypeError, ValueError) as error:  # nothing public leads to the nodes
        raise SeasonetError(f"{_UNKNOWN_SKLEARN.format(require_sklearn())} ({error})") from None


def fit_logistic(features: Floats, cloudy: Flags) -> Scorer:
    """Fit a logistic regression on standardised features; what is not known becomes the median. Return its scores."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    medians = np.nanmedian(features, axis=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=10_000))

    def filled(values: Floats) -> Floats:
        return np.where(np.isnan(values), medians, values)

    with _one_thread():
        model.fit(filled(features), cloudy)

    return _on_one_thread(lambda values: model.decision_function(filled(values)))


def check_export(ours: Scorer, theirs: Scorer, features: Floats, trees: Trees, seed: int) -> None:
    """Refuse to go on if two functions for the scores differ in a single bit.

    They are held against each other on the features given, and on random rows: values between the least and the largest
    known one, values that are thresholds of the trees, and unknown ones.

    Raises:
        SeasonetError: they differ.
    """
    rng = np.random.default_rng(seed)
    shape = (_CHECK_ROWS, features.shape[1])
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    rows = rng.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low), shape)
    for column in range(shape[1]):
        inner = (trees.feature == column) & (trees.left != trees.right) & np.isfinite(trees.threshold)
        thresholds = trees.threshold[inner]
        if len(thresholds):
            chosen = rng.random(_CHECK_ROWS) < 0.3
            rows[chosen, column] = rng.choice(thresholds, np.count_nonzero(chosen))
    rows[rng.random(shape) < 0.1] = np.nan
    rows = np.concatenate([features, rows])
    if ours(rows).tobytes() != np.ascontiguousarray(theirs(rows), dtype=np.float64).tobytes():
        raise SeasonetError(f"{_UNKNOWN_SKLEARN.format(require_sklearn())} (it predicts otherwise)")


def _one_thread() -> Any:
    """Hold libraries to one thread, so that sums are added up in the same order on machines of any size."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _on_one_thread(scorer: Scorer) -> Scorer:
    def scores(values: Floats) -> Floats:
        with _one_thread():
            return scorer(values)

    return scores


def _concatenated(tables: list[NDArray[Any]]) -> Trees:
    """Return the node tables of scikit-learn's trees as one."""
    sizes = [len(table) for table in tables]
    roots = np.cumsum([0, *sizes[:-1]])
    nodes = np.concatenate(tables)
    leaf, here, root = nodes["is_leaf"] == 1, np.arange(len(nodes)), np.repeat(roots, sizes)
    return Trees(
        roots=roots.astype(np.int32),
        left=np.where(leaf, here, root + nodes["left"]).astype(np.int32),
        right=np.where(leaf, here, root + nodes["right"]).astype(np.int32),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int16),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        missing_left=np.where(leaf, 0, nodes["missing_go_to_left"]).astype(np.uint8),
        value=np.where(leaf, nodes["value"], 0.0),
    )
