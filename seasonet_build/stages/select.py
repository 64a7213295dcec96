"""Choose the best scene for every location and season set.

Everything is decided by values in the tables, so that the same inputs give the same choice on every machine.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from seasonet_build.config.models import SeasonsSection, SeasonWindow, SnowWindow
from seasonet_build.model.seasons import SEASONS
from seasonet_build.model.tables import LOCATIONS, OBSERVATIONS, SAMPLES
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.observe import SCL_PIXELS
from seasonet_build.storage import read_table, write_table

LOCATION_KEY = ["tile", "grid", "row", "col"]


def in_window(start: datetime, window: SeasonWindow | SnowWindow) -> bool:
    """Tell whether a datatake started on a day of the window (UTC, both ends count)."""
    return window.start <= start.date() <= window.end


def build_samples(
    locations: Path, observations: Mapping[str, Path], scenes: Sequence[Scene], seasons: SeasonsSection, target: Path
) -> int:
    """Write the samples table (schema SAMPLES), sorted by season set, tile, grid, row and column.

    Args:
        locations: table with schema LOCATIONS.
        observations: for each scene id its table with schema OBSERVATIONS.
        scenes: the scenes to choose from.
        seasons: windows and limits.
        target: Parquet file to write.

    Returns:
        The number of samples.
    """
    keys = dict(list(read_table(locations, LOCATIONS).select(LOCATION_KEY).to_pandas().groupby("tile")))
    scenes = [scene for scene in scenes if scene.tile.name in keys]
    chosen = []
    for season in SEASONS:
        window = seasons.window(season)
        fitting = [scene for scene in scenes if in_window(scene.start, window)]
        frames = [_eligible(keys[scene.tile.name], observations[scene.id], scene, window) for scene in fitting]
        best = _best(pd.concat(frames), window) if frames else _eligible_columns()
        chosen.append(best.assign(season=season.value))
    samples = pd.concat(chosen)[list(SAMPLES.names)]
    write_table(pa.Table.from_pandas(samples, schema=SAMPLES, preserve_index=False), target)
    return len(samples)


def _eligible_columns() -> pd.DataFrame:
    columns: pd.DataFrame = SAMPLES.empty_table().drop_columns(["season"]).to_pandas()
    return columns


def _eligible(keys: pd.DataFrame, observations: Path, scene: Scene, window: SeasonWindow | SnowWindow) -> pd.DataFrame:
    """Return the locations that a scene may serve: no pixel without data, shares within the limits."""
    seen = read_table(observations, OBSERVATIONS).to_pandas()
    seen = seen[(seen["no_data"] == 0) & _within_limits(seen, window)].drop(columns="no_data")
    seen = keys.merge(seen, on=LOCATION_KEY, how="inner")
    return seen.assign(scene=scene.id, distance=_distance_to_middle(scene.start, window), product=scene.first.name)


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
