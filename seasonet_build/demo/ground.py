"""The invented ground of the demo: one raster of land-cover classes and materials that both tiles are cut from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import sieve

from seasonet_build.demo.noise import (
    Float,
    Parcels,
    Shape,
    hash_fraction,
    parcels,
    smooth_noise,
    smoothstep,
    threshold_for_share,
)
from seasonet_build.demo.spectra import Material

PIXEL = 10  # metres

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Area:
    """A rectangle of ground in UTM coordinates.

    `west` and `north` are metres and multiples of 60, `rows` and `cols` count 10 m pixels and are multiples of 6,
    so that 20 m and 60 m pixels are whole blocks of 10 m pixels.
    """

    west: int
    north: int
    rows: int
    cols: int

    @property
    def shape(self) -> Shape:
        """Rows and columns at 10 m."""
        return self.rows, self.cols

    def window(self, ulx: int, uly: int, size_m: int, pixel: int = PIXEL) -> tuple[slice, slice]:
        """Return the (row, column) slices of a square in an array of this area with `pixel` metre pixels."""
        top, left, count = (self.north - uly) // pixel, (ulx - self.west) // pixel, size_m // pixel
        return slice(top, top + count), slice(left, left + count)


@dataclass(frozen=True)
class Ground:
    """What lies where. Every array has the area's 10 m shape."""

    area: Area
    classes: NDArray[np.uint16]  # CORINE class codes, 111..523, everywhere
    covered: Mask  # where the land-cover map reaches
    material: NDArray[np.uint8]  # values of Material
    height: Float  # terrain height in standard deviations
    light: Float  # sunlight on slopes, mean 0, about -1..1
    tone: Float  # brightness of a parcel against others of its material, -1..1
    vigour: Float  # how green a parcel is against others of its material, -1..1
    texture: Float  # fine structure, mean 0, standard deviation 1


def make_ground(area: Area, seed: int, *, uncovered_m: int = 300) -> Ground:
    """Invent the ground of `area`: a river valley with towns, fields and pastures between wooded hills.

    The land-cover map ends in the south, with a winding border between `uncovered_m` and 800 m more from the tiles'
    south edge, which is taken to lie 1020 m inside the area.
    """
    rng = np.random.default_rng([seed, 1])
    shape = area.shape
    river = _river_distance(shape, rng)
    valley = np.exp(-((river / 90) ** 2)).astype(np.float32)
    height = smooth_noise(shape, rng, 420, 2.2) - np.float32(1.1) * valley
    plots = parcels(shape, rng, block=85, length=(16, 46), width=(7, 20))
    classes = _land_use(shape, rng, height, plots)
    _settle(classes, rng, height, river, plots)
    _dig(classes, rng, height, river)
    lines = _lay_lines(classes, rng, river)
    classes = _without_slivers(classes, ~lines)
    texture = smooth_noise(shape, rng, 6, 1.6)
    return Ground(
        area=area,
        classes=classes,
        covered=_covered(shape, rng, uncovered_m),
        material=_materials(classes, rng, plots, texture),
        height=height,
        light=_light(height),
        tone=hash_fraction(plots.identity, 11) * 2 - 1,
        vigour=hash_fraction(plots.identity, 12) * 2 - 1,
        texture=texture,
    )


def _line(length: int, rng: np.random.Generator, middle: float, swing: float, scale: float) -> Float:
    """Return a winding one-dimensional curve of `length` values around `middle`."""
    return np.asarray(middle + swing * smooth_noise((1, length), rng, scale, 3.0)[0], dtype=np.float32)


def _river_distance(shape: Shape, rng: np.random.Generator) -> Float:
    """Return each pixel's distance in pixels from a river that winds from west to east."""
    course = _line(shape[1], rng, shape[0] * 0.52, shape[0] * 0.09, 260)
    slope = np.gradient(course)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    return np.asarray(np.abs(rows - course) / np.sqrt(1 + slope**2), dtype=np.float32)


def _land_use(shape: Shape, rng: np.random.Generator, height: Float, plots: Parcels) -> NDArray[np.uint16]:
    """Return fields (211), pastures (231), forests (311, 312, 313), scrub (324)."""
    classes = np.full(shape, 211, dtype=np.uint16)
    wet = smooth_noise(shape, rng, 160, 1.6) - np.float32(0.7) * height
    classes[(wet > threshold_for_share(wet, 0.30))[plots.centre]] = 231
    woods = smooth_noise(shape, rng, 190, 1.7) + np.float32(0.9) * height
    # Half the say goes to the plot's centre: wood edges then partly follow field edges, as they do in life.
    woods = np.asarray(np.float32(0.5) * (woods + woods[plots.centre]), dtype=np.float32)
    forest = woods > threshold_for_share(woods, 0.36)
    kind = smooth_noise(shape, rng, 110, 1.7)
    low, high = threshold_for_share(kind, 0.68), threshold_for_share(kind, 0.36)
    classes[forest] = np.where(kind < low, 311, np.where(kind < high, 313, 312))[forest]
    scrub = smooth_noise(shape, rng, 60, 1.8)
    classes[forest & (scrub > threshold_for_share(scrub, 0.035))] = 324
    return classes


def _pick(score: Float, rng: np.random.Generator, count: int, spacing: float) -> list[tuple[int, int]]:
    """Return `count` places (row, column) of high score, at least `spacing` pixels apart, away from the edges."""
    margin = np.array(score.shape) // 6
    tries = rng.integers(margin, score.shape - margin, (400, 2))
    tries = tries[np.argsort(-score[tries[:, 0], tries[:, 1]], kind="stable")]
    chosen: list[tuple[int, int]] = []
    for row, col in tries.tolist():
        if all(np.hypot(row - other[0], col - other[1]) >= spacing for other in chosen):
            chosen.append((row, col))
        if len(chosen) == count:
            break
    return chosen


def _blob(ragged: Float, place: tuple[int, int], radius: float) -> Mask:
    """Return a round patch of about `radius` pixels around `place`, its outline pushed in and out by `ragged`."""
    rows, cols = np.ogrid[: ragged.shape[0], : ragged.shape[1]]
    distance = np.hypot(np.float32(rows - place[0]), np.float32(cols - place[1]))
    return np.asarray(distance < radius * (1 - np.float32(0.22) * ragged))


def _plots_around(plots: Parcels, place: tuple[int, int], radius: float) -> Mask:
    """Return the plots whose centre lies within `radius` pixels of `place`."""
    return np.asarray(np.hypot(plots.centre[0] - place[0], plots.centre[1] - place[1]) < radius)


def _settle(classes: NDArray[np.uint16], rng: np.random.Generator, height: Float, river: Float, plots: Parcels) -> None:
    """Found towns (112) on low ground, with industry (121) and a sports ground (142) beside the largest."""
    score = -height - np.float32(0.8) * smoothstep(river, 60, 20) - np.isin(classes, (311, 312, 313))
    places = _pick(score, rng, 9, 170)
    ragged = smooth_noise(classes.shape, rng, 45, 1.7)
    for index, place in enumerate(places):
        classes[_blob(ragged, place, 58 - 4.5 * index)] = 112
    for (row, col), turn in zip(places[:4], (0.6, 2.4, 4.1, 5.3), strict=False):
        beside = int(row + 60 * np.sin(turn)), int(col + 60 * np.cos(turn))
        classes[_plots_around(plots, beside, 26) & (classes < 300)] = 121
    for (row, col), turn in zip(places[:5], (3.7, 5.2, 1.0, 2.5, 0.2), strict=False):
        beside = int(row + 55 * np.sin(turn)), int(col + 55 * np.cos(turn))
        classes[_plots_around(plots, beside, 17) & (classes != 121)] = 142


def _dig(classes: NDArray[np.uint16], rng: np.random.Generator, height: Float, river: Float) -> None:
    """Add quarries (131), a burnt wood (334), lakes (512) and the marshes (411) beside them."""
    ragged = smooth_noise(classes.shape, rng, 25, 1.7)
    town = np.isin(classes, (112, 121, 142))
    for place in _pick(height - 9 * town, rng, 2, 250):
        classes[_blob(ragged, place, 21)] = 131
    pines = smooth_noise(classes.shape, rng, 12, 3.0) + 4 * (classes == 312)
    for place in _pick(np.asarray(pines, dtype=np.float32), rng, 1, 0):
        classes[_blob(ragged, place, 24)] = 334
    valley = -np.abs(river - 38) / 20 - 9 * town
    for place, radius in zip(_pick(np.asarray(valley, dtype=np.float32), rng, 3, 260), (34, 23, 17), strict=False):
        classes[_blob(ragged, (place[0] + radius, place[1] + radius // 2), radius * 0.9)] = 411
        classes[_blob(ragged, place, radius)] = 512


def _lay_lines(classes: NDArray[np.uint16], rng: np.random.Generator, river: Float) -> Mask:
    """Draw two railways with their land (122), 40 m wide from north to south, and the river (511), 80 m wide.

    Returns where they are.
    """
    rows, cols = classes.shape
    for middle in (0.36, 0.71):
        course = _line(rows, rng, cols * middle, cols * 0.03, 400)[:, None]
        lean = np.sqrt(1 + np.gradient(course[:, 0]) ** 2)[:, None]
        classes[np.abs(np.arange(cols)[None, :] - course) < 2.1 * lean] = 122
    classes[river < 4.2] = 511
    return np.isin(classes, (122, 511))


def _without_slivers(classes: NDArray[np.uint16], where: Mask, size: int = 150) -> NDArray[np.uint16]:
    """Give patches below `size` pixels (1.5 ha) to their largest neighbour, as a mapper would.

    Only pixels of `where` give or take: else the river would swell wherever it cuts a corner off a field.
    """
    return np.asarray(sieve(classes, size=size, mask=where, connectivity=4), dtype=np.uint16)


def _covered(shape: Shape, rng: np.random.Generator, uncovered_m: int) -> Mask:
    """Return where the map reaches: all but a strip with a winding edge at the south."""
    depth = 102 + uncovered_m / PIXEL + 40 * (1 + np.tanh(_line(shape[1], rng, 0, 0.9, 300)))
    return np.asarray(np.arange(shape[0])[:, None] < shape[0] - np.round(depth)[None, :])


def _light(height: Float) -> Float:
    """Return how much more (+) or less (-) sun a slope gets from the south-east than flat ground."""
    down, right = np.gradient(height)
    slope = right * np.float32(-0.5) - down * np.float32(0.87)
    return np.asarray(np.tanh(-slope / (2.2 * slope.std())), dtype=np.float32)


_OF_CLASS = {
    211: Material.CEREAL,
    231: Material.MEADOW,
    311: Material.BROADLEAVED,
    312: Material.CONIFEROUS,
    313: Material.MIXED,
    324: Material.SCRUB,
    411: Material.MARSH,
    511: Material.RIVER,
    512: Material.LAKE,
    112: Material.HOUSES,
    121: Material.HALLS,
    122: Material.STREET,
    131: Material.QUARRY,
    142: Material.TURF,
    334: Material.BURNT,
}
_CROPS = ((0.36, Material.CEREAL), (0.52, Material.RAPESEED), (0.74, Material.MAIZE), (0.88, Material.BARLEY))


def _materials(
    classes: NDArray[np.uint16], rng: np.random.Generator, plots: Parcels, texture: Float
) -> NDArray[np.uint8]:
    """Return the material of each pixel: crops by plot, houses, gardens and streets inside the towns."""
    of_class = np.zeros(600, dtype=np.uint8)
    of_class[list(_OF_CLASS)] = list(_OF_CLASS.values())
    material = of_class[classes]
    limits, crops = zip(*_CROPS, strict=True)
    crop = np.array([*crops, Material.CLOVER], dtype=np.uint8)[
        np.searchsorted(limits, hash_fraction(plots.identity, 3))
    ]
    fields = classes == 211
    material[fields] = crop[fields]
    material[np.isin(classes, (211, 231)) & plots.edge & (hash_fraction(plots.identity, 4) < 0.4)] = Material.TRACK
    built = parcels(classes.shape, rng, block=26, length=(7, 13), width=(4, 7))
    # Gardens and houses share a block in changing parts; texture breaks the block up into single plots.
    dense = hash_fraction(built.identity, 5) + np.float32(0.2) * texture
    town = classes == 112
    material[town & (dense < 0.45)] = Material.GARDENS
    material[np.isin(classes, (121, 142)) & (dense > 1.0)] = Material.GARDENS
    material[(classes == 121) & (dense < 0.40)] = Material.STREET
    material[np.isin(classes, (112, 121)) & built.edge] = Material.STREET
    return material
