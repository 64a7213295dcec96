"""Labelled patches that never were: features drawn so that cloudy and clear ones overlap a little."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seasonet_build.clouds.examples import CANDIDATES, Examples
from seasonet_build.clouds.features import FEATURES

COLUMN = {name: i for i, name in enumerate(FEATURES)}
SHARES = ("bright", "scl_cloud", "scl_snow")


def examples(
    n: int = 3000, seed: int = 1, regions: int = 12, cloudy: float = 0.3, distance: float = 0.6, first: int = 0
) -> Examples:
    """Examples of several regions, each with dates and tiles of its own, but for a few that are shared.

    ``distance``: of the classes, in standard deviations of each feature; ``first``: number of the first region.
    """
    rng = np.random.default_rng(seed)
    region = rng.integers(regions, size=n) + first
    stray = rng.random(n) < 0.03
    dates = region * 3 + rng.integers(3, size=n)
    tiles = np.where(stray, rng.integers(regions, size=n) + first, region) * 2 + rng.integers(2, size=n)
    is_cloudy = rng.random(n) < cloudy
    features = rng.normal(size=(n, len(FEATURES))) + distance * is_cloudy[:, np.newaxis] * rng.uniform(
        size=len(FEATURES)
    )
    for name in SHARES:
        features[:, COLUMN[name]] = np.round(rng.random(n) ** np.where(is_cloudy, 1, 8) * 3600) / 3600
    features[:, COLUMN["vapour_p75"]] = rng.normal(1.0 + 0.3 * is_cloudy, 0.1)
    features[rng.random(features.shape) < 0.01] = np.nan
    features[:, COLUMN["bright"]] = np.nan_to_num(features[:, COLUMN["bright"]])
    return Examples(
        ids=tuple(f"scene{date}/1/{i}/{tile}" for i, (date, tile) in enumerate(zip(dates, tiles, strict=True))),
        dates=tuple(str(np.datetime64("2018-11-01") + int(date)) for date in dates),
        tiles=tuple(f"32U{tile:03d}" for tile in tiles),
        uniform=rng.random(n) < 0.7,
        cloudy=is_cloudy,
        features=features,
        source="labels.csv",
    )


def shuffled(given: Examples, seed: int = 3) -> Examples:
    return given.take(np.random.default_rng(seed).permutation(len(given)))


def table_of(given: Examples) -> pa.Table:
    """The table of candidates of which these are the ones with a label."""
    columns: dict[str, object] = {
        "id": given.ids,
        "scene": [name.split("/")[0] for name in given.ids],
        "tile": given.tiles,
        "date": given.dates,
        "grid": np.ones(len(given)),
        "row": np.zeros(len(given)),
        "col": np.zeros(len(given)),
        "part": np.where(given.uniform, "uniform", "near"),
        "cloud": given.features[:, COLUMN["scl_cloud"]],
        "snow": given.features[:, COLUMN["scl_snow"]],
        **{name: given.features[:, i] for name, i in COLUMN.items()},
    }
    arrays = [pa.array(columns[field.name], from_pandas=True).cast(field.type) for field in CANDIDATES]
    return pa.Table.from_arrays(arrays, schema=CANDIDATES)


def write(given: Examples, folder: Path, unsure: int = 0) -> tuple[Path, Path]:
    """Write both tables, as the page does; say of the first few patches that nobody is sure."""
    folder.mkdir(parents=True, exist_ok=True)
    candidates, labels = folder / "label.parquet", folder / "labels.csv"
    pq.write_table(table_of(given), candidates)
    lines = ["id,part,label"]
    for i, name in enumerate(given.ids):
        label = "unsure" if i < unsure else "cloudy" if given.cloudy[i] else "clear"
        lines.append(f"{name},{'uniform' if given.uniform[i] else 'near'},{label}")
    labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return candidates, labels
