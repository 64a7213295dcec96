"""A picture of one location: a row per season set, true colour beside labels in CORINE's colours."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import rasterio
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.errors import ConfigError, DataError
from seasonet_build.model.classes import CLASSES, N_CLASSES
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.stages.describe import META_COLUMNS
from seasonet_build.stages.meta import read_meta
from seasonet_build.storage import replacing

_PLACE = ["Grid", "Latitude", "Longitude"]
_ROW_INCHES = 2.6
_LEGEND_INCHES = 3.4
_STRETCH_PERCENTILES = (1, 95)
_DOTS_PER_INCH = 120


@dataclass(frozen=True)
class Place:
    """A location as ``meta.csv`` names it: latitude and longitude, degrees, as text."""

    latitude: str
    longitude: str


def draw_location(
    layout: DatasetLayout, target: Path, *, place: Place | None = None, index: int | None = None
) -> Place:
    """Draw all images of a location of a dataset into a PNG file.

    Args:
        layout: the dataset; only ``meta.csv`` and patch files are read.
        target: PNG file to write.
        place: the location to draw.
        index: else the location of the sample with this Index; without both, the one with the most season sets and,
            of these, the most classes.

    Returns:
        The location drawn.

    Raises:
        ConfigError: there is no such location or Index.
        DataError: a file of the dataset is missing or damaged.
    """
    meta = read_meta(layout.meta_csv, META_COLUMNS)
    chosen = _find(meta, place, index)
    rows = meta[(meta["Latitude"] == chosen.latitude) & (meta["Longitude"] == chosen.longitude)]
    order = {season.label: i for i, season in enumerate(SEASONS)}
    rows = rows.assign(order=rows["Season"].map(order)).sort_values(["order", "Index"])
    figure = _draw(layout, rows, chosen)
    with replacing(target) as part:
        figure.savefig(part, format="png", metadata={"Software": None})
    return chosen


def _find(meta: pd.DataFrame, place: Place | None, index: int | None) -> Place:
    if meta.empty:
        raise DataError("the dataset has no samples")
    if place is not None:
        same = (meta["Latitude"] == place.latitude) & (meta["Longitude"] == place.longitude)
        if not same.any():
            raise ConfigError(f"no location at {place.latitude},{place.longitude}; write it as in meta.csv")
        return place
    if index is None:
        classes = meta["Classes"].fillna("").str.count(",") + 1
        ranked = meta.assign(n=classes).groupby(_PLACE, as_index=False).agg(sets=("Season", "nunique"), n=("n", "max"))
        best = ranked.sort_values(["sets", "n", *_PLACE], ascending=[False, False, True, True, True]).iloc[0]
        return Place(best["Latitude"], best["Longitude"])
    if not 0 <= index < len(meta):
        raise ConfigError(f"--index {index}: the dataset has samples 0 to {len(meta) - 1}")
    return Place(meta["Latitude"].iloc[index], meta["Longitude"].iloc[index])


def _draw(layout: DatasetLayout, rows: pd.DataFrame, place: Place) -> Figure:
    figure = Figure(figsize=(2 * _ROW_INCHES + _LEGEND_INCHES, _ROW_INCHES * len(rows) + 0.5), dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(rows), 3, width_ratios=[_ROW_INCHES, _ROW_INCHES, _LEGEND_INCHES])
    grid.update(wspace=0.06, hspace=0.16, left=0.01, right=0.99, bottom=0.01, top=1 - 0.6 / figure.get_figheight())
    present: set[int] = set()
    for i, row in enumerate(rows.itertuples()):
        prefix = layout.root / str(row.Path) / Path(str(row.Path)).name
        labels = _read(Path(f"{prefix}_labels.tif"))[0]
        present |= set(np.unique(labels).tolist())
        image = _true_colour(_read(Path(f"{prefix}_10m_RGB.tif")))
        date = "-".join(str(part).zfill(2) for part in (row.Year, row.Month, row.Day))
        _show(figure.add_subplot(grid[i, 0]), image, f"{row.Season} {date}")
        _show(figure.add_subplot(grid[i, 1]), _label_colours()[labels], f"cloud {row.Clouds} %, snow {row.Snow} %")
    _add_legend(figure.add_subplot(grid[:, 2]), present)
    title = f"{place.latitude} N, {place.longitude} E, grid {rows['Grid'].iloc[0]}"
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", y=1 - 0.1 / figure.get_figheight(), va="top")
    return figure


def _add_legend(axes: Axes, labels: set[int]) -> None:
    axes.axis("off")
    shown = [land_cover for land_cover in CLASSES if land_cover.label in labels]
    handles = [
        Patch(facecolor="#{:02x}{:02x}{:02x}".format(*c.rgb), ec="0.3", lw=0.5, label=f"{c.label}  {c.name}")
        for c in shown
    ]
    axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=8, borderaxespad=0)


def _show(axes: Axes, image: NDArray[np.float64], title: str) -> None:
    with mpl.rc_context({"image.interpolation": "nearest"}):
        axes.imshow(image)
    axes.set_title(title, fontsize=8, pad=3)
    axes.axis("off")


def _read(path: Path) -> NDArray[np.uint16]:
    try:
        with rasterio.open(path) as file:
            pixels: NDArray[np.uint16] = file.read()
            return pixels
    except RasterioError as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _true_colour(digital_numbers: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Stretch red, green and blue, shape (3, h, w), to 0..1 by one scale, so that colours stay; shape (h, w, 3)."""
    values = digital_numbers.astype(np.float64)
    low, high = np.percentile(values, _STRETCH_PERCENTILES)
    scaled = np.clip((values - low) / max(high - low, 1.0), 0, 1)
    return np.moveaxis(scaled, 0, -1)


def _label_colours() -> NDArray[np.float64]:
    """Return the colour of each label 0..33, shape (34, 3), 0..1; no class is black."""
    colours = np.zeros((N_CLASSES + 1, 3))
    colours[1:] = [land_cover.rgb for land_cover in CLASSES]
    return colours / 255
