"""Look for cloud in the snowy candidates of a scene: patches with enough snow, before the best are chosen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from seasonet_build.clouds.images import scene_images
from seasonet_build.clouds.model_file import load_model
from seasonet_build.clouds.signs import SIGNS, find_signs
from seasonet_build.config.seasons import SnowWindow
from seasonet_build.config.snow import Classifier
from seasonet_build.model.grid import GRIDS, Cells
from seasonet_build.model.tables import CLOUD_SIGNS, LOCATIONS, SCL_PIXELS
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.select import LOCATION_KEY, eligible
from seasonet_build.storage import read_table, write_table


def screen_scene(
    scene: Scene, locations: Path, observations: Path, window: SnowWindow, classifier: Classifier, target: Path
) -> int:
    """Write the signs of cloud in the snowy candidates of a scene (schema CLOUD_SIGNS).

    Args:
        scene: the scene.
        locations: table with schema LOCATIONS.
        observations: that of the scene with schema OBSERVATIONS.
        window: limits of the snowy set.
        classifier: what gives scores (see config.snow); the screen needs none.
        target: Parquet file to write.

    Returns:
        The number of candidates.

    Raises:
        ProductError: a band cannot be decoded.
        DataError: the model cannot be used.
        ConfigError: the extra ukis is not installed.
    """
    keys = read_table(locations, LOCATIONS).select(LOCATION_KEY).to_pandas()
    keys = keys[keys["tile"] == scene.tile.name].sort_values(LOCATION_KEY, ignore_index=True)
    rows = eligible(keys, observations, window)
    x, y = corners(scene, rows)
    found = pd.DataFrame(np.zeros((len(rows), len(SIGNS))), columns=list(SIGNS))
    model = load_model(classifier) if isinstance(classifier, Path) else None
    cloud, snow = (rows[kind].to_numpy(np.float64) / SCL_PIXELS for kind in ("cloud", "snow"))
    for members, images in scene_images(scene, x, y):
        found.loc[members] = find_signs(images, cloud[members], snow[members], model)
    if classifier == "ukis" and len(rows):
        from seasonet_build.clouds.ukis import cloud_shares

        found["score"] = cloud_shares(scene, x, y)
    signs = rows.join(found.astype({"bright": np.int16}))[list(CLOUD_SIGNS.names)]
    write_table(pa.Table.from_pandas(signs, schema=CLOUD_SIGNS, preserve_index=False), target)
    return len(rows)


def corners(scene: Scene, rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return west and north edges of cells of a scene, metres; ``rows`` has the columns grid, row, col."""
    x, y = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for grid in GRIDS:
        mine = (rows["grid"] == grid).to_numpy()
        cells = Cells(scene.tile, grid, *(rows[axis].to_numpy(np.int64)[mine] for axis in ("row", "col")))
        x[mine], y[mine] = cells.x, cells.y
    return x, y
