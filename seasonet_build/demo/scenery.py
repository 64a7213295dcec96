"""What a satellite would see of the ground on one day: 12 bands and the scene classification, with weather."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from seasonet_build.demo.ground import PIXEL, Area, Ground
from seasonet_build.demo.noise import Float, smooth_noise, smoothstep, threshold_for_share
from seasonet_build.demo.safe import BAND_RESOLUTION
from seasonet_build.demo.spectra import BANDS, CLOUD, SNOW, Material, reflectance

LOWEST, HIGHEST = 150, 9000  # digital numbers; never 0, which means no data


@dataclass(frozen=True)
class Weather:
    """The sky and the snow of one day. Shares are of the area, 0..1."""

    cloud: float = 0.0
    cirrus: float = 0.0
    snow: float = 0.0
    cloud_size: int = 300  # pixels of 10 m


@dataclass(frozen=True)
class Scene:
    """One day over the whole area: bands at their native resolution (digital numbers) and SCL at 20 m."""

    area: Area
    bands: dict[str, NDArray[np.uint16]]
    scl: NDArray[np.uint8]

    def cut(
        self, ulx: int, uly: int, size_m: int, seen: NDArray[np.bool_] | None = None
    ) -> tuple[dict[str, NDArray[np.uint16]], NDArray[np.uint8]]:
        """Cut a square tile out; `ulx`, `uly`, `size_m` are metres and multiples of 60.

        `seen` (60 m pixels of the whole area) says where the satellite looked; elsewhere everything is 0, no data.
        """

        def one(data: NDArray[np.generic], pixel: int) -> NDArray[np.generic]:
            piece = data[self.area.window(ulx, uly, size_m, pixel)]
            if seen is None:
                return piece.copy()
            keep = seen[self.area.window(ulx, uly, size_m, 60)]
            return piece * keep.repeat(60 // pixel, axis=0).repeat(60 // pixel, axis=1).astype(piece.dtype)

        bands = {band: one(data, BAND_RESOLUTION[band]).astype(np.uint16) for band, data in self.bands.items()}
        return bands, one(self.scl, 20).astype(np.uint8)


def render(ground: Ground, day: date, weather: Weather, seed: int) -> Scene:
    """Photograph the ground on `day`. The same arguments give the same scene; `seed` shapes clouds and snow."""
    rng = np.random.default_rng([seed, 2, day.toordinal()])
    sky = _Sky.make(ground.area.shape, rng, weather, day)
    snow = _snow(ground, rng, weather.snow)
    table = reflectance(day)
    gains = _gains(ground, day)
    clear: dict[str, Float] = {}
    bands: dict[str, NDArray[np.uint16]] = {}
    for index, band in enumerate(BANDS):
        values = table[:, index][ground.material] * gains[_GROUP[band]]
        if snow is not None:
            values += snow * (SNOW[index] * (1 + np.float32(0.12) * ground.light) - values)
        if band in ("B04", "B08"):
            clear[band] = block_mean(values, 2)
        values = np.clip(sky.over(values, index), LOWEST, HIGHEST)
        bands[band] = np.rint(block_mean(values, BAND_RESOLUTION[band] // PIXEL)).astype(np.uint16)
    greenness = (clear["B08"] - clear["B04"]) / (clear["B08"] + clear["B04"])
    return Scene(ground.area, bands, _classify(ground, sky, snow, greenness))


def block_mean(values: Float, factor: int) -> Float:
    """Return the means of `factor` x `factor` blocks."""
    if factor == 1:
        return values
    rows, cols = values.shape
    # Rows first: adding whole rows is several times faster than a mean over two axes at once.
    by_row = values.reshape(rows // factor, factor, cols).sum(axis=1, dtype=np.float32)
    blocks = by_row.reshape(rows // factor, cols // factor, factor).sum(axis=2, dtype=np.float32)
    return np.asarray(blocks / np.float32(factor * factor))


_GROUP = dict(zip(BANDS, (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2), strict=True))

# How strongly the fine texture shows in a material; all others take the first value.
_TEXTURE = {
    Material.BROADLEAVED: 0.085,
    Material.MIXED: 0.10,
    Material.CONIFEROUS: 0.10,
    Material.SCRUB: 0.11,
    Material.HOUSES: 0.13,
    Material.GARDENS: 0.12,
    Material.HALLS: 0.16,
    Material.STREET: 0.06,
    Material.QUARRY: 0.12,
    Material.MARSH: 0.12,
    Material.BURNT: 0.10,
    Material.RIVER: 0.012,
    Material.LAKE: 0.012,
}
_WATER = (Material.RIVER, Material.LAKE)


def _gains(ground: Ground, day: date) -> tuple[Float, Float, Float]:
    """Return factors for visible, near-infrared and short-wave bands: slope, plot and fine texture."""
    strength = np.full(len(Material), 0.014, dtype=np.float32)
    strength[list(_TEXTURE)] = list(_TEXTURE.values())
    plot = np.ones(len(Material), dtype=np.float32)
    plot[list(_WATER)] = 0
    # The lower the sun, the more the slopes show.
    relief = plot * np.float32(0.10 + 0.10 * (1 - np.sin(np.radians(sun_elevation(day)))))
    common = 1 + strength[ground.material] * ground.texture + relief[ground.material] * ground.light
    common += np.float32(0.10) * plot[ground.material] * ground.tone
    vigour = plot[ground.material] * ground.vigour
    return common * (1 - np.float32(0.10) * vigour), common * (1 + np.float32(0.09) * vigour), common


def sun_elevation(day: date) -> float:
    """Return the sun's height in degrees in central Germany at the time of the overpass, to a degree or two."""
    return 38.0 + 22.5 * float(np.cos(2 * np.pi * (day.timetuple().tm_yday - 172) / 365))


@dataclass(frozen=True)
class _Sky:
    """Clouds: how much of the ground they hide, their brightness, and the shadow they throw; each 0..1 at 10 m."""

    opacity: Float | None
    veil: Float | None
    shadow: Float | None
    brightness: Float | None

    @classmethod
    def make(cls, shape: tuple[int, int], rng: np.random.Generator, weather: Weather, day: date) -> _Sky:
        veil = None
        if weather.cirrus > 0:
            streaks = smooth_noise(shape, rng, 500, 2.0)
            start = threshold_for_share(streaks, weather.cirrus)
            veil = np.float32(0.22) * smoothstep(streaks, start - 0.1, start + 1.2)
        if weather.cloud <= 0:
            return cls(None, veil, None, None)
        # Broad fields with small billows on top: clouds gather, and leave wide gaps.
        billows = smooth_noise(shape, rng, weather.cloud_size, 2.8)
        billows += np.float32(0.28) * smooth_noise(shape, rng, 40, 1.9)
        start = threshold_for_share(billows, weather.cloud)
        opacity = smoothstep(billows, start - 0.08, start + 0.45)
        brightness = 1 + np.float32(0.24) * np.tanh(billows - np.float32(start + 0.7))
        # A cloud 700 m up hides the sun from ground to its north-north-west; the noise repeats, so it may roll around.
        reach = 70 / np.tan(np.radians(sun_elevation(day)))
        shadow = np.roll(opacity, (-round(0.94 * reach), -round(0.34 * reach)), axis=(0, 1))
        return cls(opacity, veil, shadow, brightness.astype(np.float32))

    def over(self, values: Float, band: int) -> Float:
        """Return what is seen of ground `values` (reflectance x 10000) in band number `band` under this sky."""
        if self.shadow is not None:
            # Scattered skylight keeps shadows bluish: the short wavelengths lose less.
            values = values * (1 - np.float32(min(0.42 + 0.03 * band, 0.66)) * self.shadow)
        if self.veil is not None:
            values = values + self.veil * (np.float32(0.8) * CLOUD[band] - values)
        if self.opacity is not None and self.brightness is not None:
            values = values + self.opacity * (CLOUD[band] * self.brightness - values)
        return values


def _snow(ground: Ground, rng: np.random.Generator, share: float) -> Float | None:
    """Return how much of each pixel snow hides, 0..1: more on high ground, little of it under trees."""
    if share <= 0:
        return None
    depth = smooth_noise(ground.area.shape, rng, 150, 1.6) + np.float32(0.8) * ground.height
    start = threshold_for_share(depth, share)
    hold = np.full(len(Material), 0.92, dtype=np.float32)
    for material, value in {
        Material.CONIFEROUS: 0.42,
        Material.MIXED: 0.48,
        Material.BROADLEAVED: 0.55,
        Material.SCRUB: 0.65,
        Material.HOUSES: 0.50,
        Material.STREET: 0.25,
        Material.HALLS: 0.70,
        Material.RIVER: 0.0,
        Material.LAKE: 0.0,
    }.items():
        hold[material] = value
    lying = hold[ground.material] * (1 + np.float32(0.25) * ground.texture * (1 - hold[ground.material]))
    return np.asarray(np.clip(lying, 0, 0.95) * smoothstep(depth, start - 0.25, start + 0.25), dtype=np.float32)


def _classify(ground: Ground, sky: _Sky, snow: Float | None, greenness: Float) -> NDArray[np.uint8]:
    """Return the scene classification at 20 m (values as in Sen2Cor's SCL; never 0)."""
    scl = np.where(greenness > 0.42, 4, 5).astype(np.uint8)
    water = block_mean(np.isin(ground.material, _WATER).astype(np.float32), 2) > 0.5
    dark = (ground.material == Material.CONIFEROUS) & (ground.light < -0.9)
    scl[block_mean(dark.astype(np.float32), 2) > 0.5] = 2
    if snow is not None:
        scl[block_mean(snow, 2) > 0.27] = 11
    scl[water] = 6
    if sky.shadow is not None:
        scl[block_mean(sky.shadow, 2) > 0.45] = 3
    if sky.veil is not None:
        scl[block_mean(sky.veil, 2) > 0.08] = 10
    if sky.opacity is not None:
        hidden = block_mean(sky.opacity, 2)
        scl[hidden > 0.07] = 7
        scl[hidden > 0.18] = 8
        scl[hidden > 0.60] = 9
    return scl
