"""Choose the best scene for every location and season set.

Everything is decided by values in the tables, so that the same inputs give the same choice on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from seasonet_build.clouds.verdict import Judge
from seasonet_build.config.seasons import SeasonsSection, SeasonWindow, SnowWindow
from seasonet_build.model.seasons import SEASONS
from seasonet_build.model.tables import CLOUD_SIGNS, LOCATIONS, OBSERVATIONS, SAMPLES, SCL_PIXELS
from seasonet_build.sources.scenes import Scene
from seasonet_build.storage import read_table, write_table

LOCATION_KEY = ["tile", "grid", "row", "col"]


def in_window(start: datetime, window: SeasonWindow | SnowWindow) -> bool:
    """Tell whether a datatake started on a day of the window (UTC, both ends count)."""
    return window.start <= start.date() <= window.end


@dataclass(frozen=True)
class Seen:
    """What is known of the cells of scenes, by scene id: tables with the schemas OBSERVATIONS and CLOUD_SIGNS.

    Not every scene has signs of cloud: without them, its snowy candidates count as clear.
    """

    observations: Mapping[str, Path]
    signs: Mapping[str, Path]


class Selected(NamedTuple):
    """How many samples there are; how many candidates the snowy set had, of all scenes, and how many were cloudy."""

    samples: int
    snowy: int
    cloudy: int


def build_samples(
    locations: Path, seen: Seen, scenes: Sequence[Scene], seasons: SeasonsSection, judge: Judge, target: Path
) -> Selected:
    """Write the samples table (schema SAMPLES), sorted by season set, tile, grid, row and column.

    Args:
        locations: table with schema LOCATIONS.
        seen: what is known of the cells of each scene.
        scenes: the scenes to choose from.
        seasons: windows and limits.
        judge: tells which candidates of the snowy set are cloudy, and are left out.
        target: Parquet file to write.

    Returns:
        The numbers of samples and of candidates.
    """
    keys = dict(list(read_table(locations, LOCATIONS).select(LOCATION_KEY).to_pandas().groupby("tile")))
    scenes = [scene for scene in scenes if scene.tile.name in keys]
    chosen, snowy, cloudy = [], 0, 0
    for season in SEASONS:
        window = seasons.window(season)
        fitting = [scene for scene in scenes if in_window(scene.start, window)]
        frames = [_candidates(keys[scene.tile.name], seen, scene, window, judge) for scene in fitting]
        rows = pd.concat(frames) if frames else _no_candidates()
        if isinstance(window, SnowWindow):
            snowy, cloudy = len(rows), int(rows["cloudy"].sum())
        chosen.append(_best(rows[~rows["cloudy"]], window).assign(season=season.value))
    samples = pd.concat(chosen)[list(SAMPLES.names)]
    write_table(pa.Table.from_pandas(samples, schema=SAMPLES, preserve_index=False), target)
    return Selected(len(samples), snowy, cloudy)


def _no_candidates() -> pd.DataFrame:
    columns: pd.DataFrame = SAMPLES.empty_table().drop_columns(["season"]).to_pandas()
    return columns.assign(distance=0.0, product="", cloudy=False)


def eligible(keys: pd.DataFrame, observations: Path, window: SeasonWindow | SnowWindow) -> pd.DataFrame:
    """Return the locations that a scene may serve: no pixel without data, shares within the limits.

    Args:
        keys: the columns LOCATION_KEY of the locations of its tile.
        observations: those of the scene.
        window: the limits.

    Returns:
        The columns LOCATION_KEY, cloud and snow, the order being that of ``keys``.
    """
    seen = read_table(observations, OBSERVATIONS).to_pandas()
    seen = seen[(seen["no_data"] == 0) & _within_limits(seen, window)].drop(columns="no_data")
    return keys.merge(seen, on=LOCATION_KEY, how="inner")


def _candidates(
    keys: pd.DataFrame, seen: Seen, scene: Scene, window: SeasonWindow | SnowWindow, judge: Judge
) -> pd.DataFrame:
    """Return the locations that a scene may serve, with what they are ranked by, and whether they are cloudy."""
    rows = eligible(keys, seen.observations[scene.id], window)
    if isinstance(window, SnowWindow) and scene.id in seen.signs:
        rows = _judged(rows, seen.signs[scene.id], judge)
    else:
        rows = rows.assign(cloud_score=np.nan, cloudy=False)
    return rows.assign(scene=scene.id, distance=_distance_to_middle(scene.start, window), product=scene.first.name)


def _judged(rows: pd.DataFrame, signs: Path, judge: Judge) -> pd.DataFrame:
    """Add score and verdict to the candidates of a scene."""
    found = read_table(signs, CLOUD_SIGNS).to_pandas()
    found = found.assign(cloud_score=judge.scores(found), cloudy=judge.cloudy(found))
    return rows.merge(found[[*LOCATION_KEY, "cloud_score", "cloudy"]], on=LOCATION_KEY, how="inner")


def _within_limits(seen: pd.DataFrame, window: SeasonWindow | SnowWindow) -> "pd.Series[bool]":
    """Compare whole numbers of pixels with the limits: a share of exactly the maximum is too much."""
    cloud, snow = (seen[kind].astype(np.int64) * 100 for kind in ("cloud", "snow"))
    within = pd.Series(True, index=seen.index)
    if window.max_cloud is not None:
        within &= cloud < window.max_cloud * SCL_PIXELS
    if isinstance(window, SnowWindow):
        return within & (snow >= window.min_snow * SCL_PIXELS)
    return within & (snow < window.max_snow * SCL_PIXELS)


def _distance_to_middle(start: datetime, window: SeasonWindow | SnowWindow) -> float:
    """Return the time between a datatake and the middle of the window, seconds."""
    opens = datetime.combine(window.start, time(), UTC)
    closes = datetime.combine(window.end + timedelta(days=1), time(), UTC)
    return abs((start - (opens + (closes - opens) / 2)).total_seconds())


def _best(eligible: pd.DataFrame, window: SeasonWindow | SnowWindow) -> pd.DataFrame:
    """Keep one row per location.

    Four seasons: least cloud and snow together, then nearest to the middle of the window, then product name. Snow:
    most snow, then least cloud, then the same.
    """
    if isinstance(window, SnowWindow):
        first, second = -eligible["snow"].astype(np.int64), eligible["cloud"].astype(np.int64)
    else:
        first = eligible["cloud"].astype(np.int64) + eligible["snow"]
        second = pd.Series(0, index=eligible.index)
    ranked = eligible.assign(first=first.to_numpy(), second=second.to_numpy())
    ranked = ranked.sort_values([*LOCATION_KEY, "first", "second", "distance", "product"], kind="stable")
    best: pd.DataFrame = ranked.drop_duplicates(LOCATION_KEY, keep="first")
    return best
