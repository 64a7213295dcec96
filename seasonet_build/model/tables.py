"""Schemas of the tables that stages hand to each other."""

import pyarrow as pa

from seasonet_build.model.bands import SCL_RESOLUTION
from seasonet_build.model.classes import N_CLASSES, N_CODES
from seasonet_build.model.grid import PATCH_M

SCL_PIXELS = (PATCH_M // SCL_RESOLUTION) ** 2
"""20 m pixels of a patch: 3600."""

_CELL = [
    pa.field("tile", pa.string(), nullable=False),
    pa.field("grid", pa.int8(), nullable=False),
    pa.field("row", pa.int16(), nullable=False),
    pa.field("col", pa.int16(), nullable=False),
]

LEVELS = ("hard", "medium", "easy")
"""Which regions count: all, or those of at least so many pixels (``labels.medium_px``, ``labels.easy_px``)."""

CELL_LABELS = pa.schema(
    [*_CELL, *(pa.field(f"pixels_{level}", pa.list_(pa.int32(), N_CODES), nullable=False) for level in LEVELS)]
)
"""A row per cell of a tile: 10 m pixels of each label-raster code (see model.classes), at each level."""

LOCATIONS = pa.schema(
    [
        *_CELL,
        pa.field("epsg", pa.int32(), nullable=False),
        pa.field("x", pa.int32(), nullable=False),
        pa.field("y", pa.int32(), nullable=False),
        pa.field("latitude", pa.string(), nullable=False),
        pa.field("longitude", pa.string(), nullable=False),
        pa.field("slraum", pa.int8()),
        pa.field("rtyp3", pa.int8()),
        pa.field("ktyp4", pa.int8()),
        *(pa.field(f"pixels_{level}", pa.list_(pa.int32(), N_CLASSES), nullable=False) for level in LEVELS),
    ]
)
"""A row per location: cell, upper-left corner (metres), coordinate texts, region types, 10 m pixels of labels 1..33
at each level."""

OBSERVATIONS = pa.schema(
    [
        *_CELL,
        pa.field("no_data", pa.int16(), nullable=False),
        pa.field("cloud", pa.int16(), nullable=False),
        pa.field("snow", pa.int16(), nullable=False),
    ]
)
"""A row per cell of a scene that has data in it: 20 m pixels (of 3600) without data, of cloud, of snow."""

CLOUD_SIGNS = pa.schema(
    [
        *_CELL,
        pa.field("cloud", pa.int16(), nullable=False),
        pa.field("snow", pa.int16(), nullable=False),
        pa.field("bright", pa.int16(), nullable=False),
        pa.field("vapour", pa.float64()),
        pa.field("score", pa.float64()),
    ]
)
"""A row per snowy candidate of a scene: 20 m pixels (of 3600) of cloud and snow as in OBSERVATIONS, those that are
bright in visible light and B11, 75th percentile of B09/B8A, and the score of a classifier other than the screen."""

SAMPLES = pa.schema(
    [
        pa.field("season", pa.string(), nullable=False),
        *_CELL,
        pa.field("scene", pa.string(), nullable=False),
        pa.field("cloud", pa.int16(), nullable=False),
        pa.field("snow", pa.int16(), nullable=False),
        pa.field("cloud_score", pa.float64()),
    ]
)
"""A row per image of the dataset: season set, location, chosen scene, 20 m pixels of cloud and snow; for the snowy set
the score by which it was taken for clear (see clouds.verdict)."""
