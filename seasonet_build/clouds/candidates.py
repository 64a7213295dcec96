"""Which candidates are labelled by hand: some near the screen's threshold, and a simple random sample."""

import hashlib
import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from seasonet_build.clouds.examples import CANDIDATES
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.verdict import Judge
from seasonet_build.config.snow import SnowSection
from seasonet_build.errors import DataError
from seasonet_build.model.tables import SCL_PIXELS
from seasonet_build.sources.scenes import Scene

log = logging.getLogger(__name__)


def with_scores(candidates: pd.DataFrame, limits: SnowSection) -> pd.DataFrame:
    """Return candidates with the screen's ``score`` (see clouds.verdict), whatever classifier the build uses."""
    judge = Judge(limits.model_copy(update={"classifier": "screen"}))
    return candidates.assign(score=judge.scores(candidates))


def draw(candidates: pd.DataFrame, near: int, uniform: int, seed: int) -> pd.DataFrame:
    """Draw the candidates to label; the same ones for a seed, whatever the order of the rows.

    First ``uniform`` are drawn from all of them, each as likely as any other. Then ``near`` are taken from the rest,
    those whose score is nearest to the threshold: the nearest of each scene, then the second nearest of each, and so
    on, so that no scene fills them. If there are fewer than wanted, all are taken and a warning is logged.

    Args:
        candidates: a row per candidate with columns ``scene``, ``tile``, ``grid``, ``row``, ``col``, ``score`` (of the
            screen: 1 at its threshold, 0 or more; missing: not known), ``cloud`` and ``snow``, 20 m pixels of 3600.
        near: how many near the threshold.
        uniform: how many of all.
        seed: of all random choices.

    Returns:
        The rows drawn, in random order, with their ``id`` and ``part``, ``near`` or ``uniform``.

    Raises:
        DataError: there are no candidates.
    """
    if candidates.empty:
        raise DataError("there are no snowy patches to label: no scene has a location with enough snow")
    named = candidates.assign(id=_ids(candidates))
    ranked = named.iloc[np.argsort(_keys(named["id"], seed, "uniform"))]
    drawn = {"uniform": (ranked.head(uniform), uniform), "near": (_nearest(ranked.iloc[uniform:], near), near)}
    for part, (rows, wanted) in drawn.items():
        if len(rows) < wanted:
            log.warning("part '%s': there are %d candidates left for it, not %d", part, len(rows), wanted)
    both = pd.concat([rows.assign(part=part) for part, (rows, _) in drawn.items()], ignore_index=True)
    return both.iloc[np.argsort(_keys(both["id"], seed, "order"))].reset_index(drop=True)


def candidates_table(drawn: pd.DataFrame, features: NDArray[np.float64], scenes: Mapping[str, Scene]) -> pa.Table:
    """Return drawn candidates, sorted by id, as a table of the schema CANDIDATES.

    Args:
        drawn: rows out of :func:`draw`, n of them.
        features: theirs, shape (n, len(FEATURES)); NaN: not known.
        scenes: by id.
    """
    dates = [scenes[scene].start.strftime("%Y-%m-%d") for scene in drawn["scene"]]
    shares = {name: drawn[name].to_numpy(np.float64, na_value=np.nan) / SCL_PIXELS for name in ("cloud", "snow")}
    rows = drawn.assign(date=dates, **shares, **dict(zip(FEATURES, features.T, strict=True))).sort_values("id")
    columns = [pa.array(rows[field.name], type=field.type, from_pandas=True) for field in CANDIDATES]
    return pa.table(columns, schema=CANDIDATES)


def _ids(rows: pd.DataFrame) -> pd.Series:
    columns = (rows[name].tolist() for name in ("scene", "grid", "row", "col"))
    return pd.Series(["/".join(map(str, key)) for key in zip(*columns, strict=True)], rows.index, dtype=object)


def _keys(ids: pd.Series, seed: int, purpose: str) -> NDArray[np.uint64]:
    """Return a random number for each id: the same one on every machine, and whatever other ids there are."""
    start = hashlib.sha256(f"{purpose} {seed} ".encode())
    keys = np.empty(len(ids), dtype=np.uint64)
    for i, name in enumerate(ids):
        digest = start.copy()
        digest.update(name.encode())
        keys[i] = int.from_bytes(digest.digest()[:8])
    return keys


def _nearest(ranked: pd.DataFrame, wanted: int) -> pd.DataFrame:
    """Return the rows with a score nearest to 1, taken from the scenes in turn; of equal ones those that come first."""
    score = ranked["score"].to_numpy(np.float64, na_value=np.nan)
    with np.errstate(divide="ignore"):
        far = ranked.assign(far=np.abs(np.log(score)))
    known = far[~np.isnan(score)].sort_values("far", kind="stable")
    known = known.assign(turn=known.groupby("scene", observed=True).cumcount())
    nearest: pd.DataFrame = known.sort_values(["turn", "far"], kind="stable").head(wanted)
    return nearest.drop(columns=["far", "turn"])
