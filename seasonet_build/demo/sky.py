"""Made-up snowy patches, clear and cloudy: for seeing how the measures of cloud and snow work, not how well.

A pixel of 10 m is ground with some snow on it and, where there is cloud, a layer of water drops or ice crystals above.
Coarser pixels are means of fine ones, so that edges are mixtures.

**Snow** has the albedo of pure deep snow by grain size, in round numbers after Wiscombe and Warren (1980).

**Cloud** over a reflecting surface: two-stream reflection R and transmission T of a uniform layer (Bohren and
Clothiaux, Fundamentals of Atmospheric Radiation, chapter 5; as Coakley and Chylek 1975, light goes up or down), and
"adding": R + T^2 a / (1 - R a) over a surface of albedo a. Light of a low sun takes a long way through the cloud,
which is taken for both ways.

**Chosen to fit**, not derived: the single-scattering albedos in B11, so that cloud over snow of 100 um reflects what is
reported there for optical depths of 1 to 50 (water 0.27 to 0.73, ice 0.22 to 0.37), and those in B12 after them.
**Assumed**: how B09/B8A grows with the cloud, from what was seen in clear scenes to what was seen in overcast ones.
**Fitted** to one clear snowy scene: B09 holds light from the snowy surroundings too, which shows over dark woods.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.images import PatchImages
from seasonet_build.demo.noise import Float, smooth_noise, smoothstep, threshold_for_share
from seasonet_build.demo.spectra import BANDS, SURFACES
from seasonet_build.model.bands import REFLECTANCE_SCALE

SIDE = 120
"""Pixels of 10 m along a patch."""

SEEN = ("B04", "B03", "B02", "B8A", "B11", "B12")
"""The bands that spectra here are of; B09 is made of B8A."""

SNOW: dict[str, tuple[float, ...]] = {
    "50 um": (0.96, 0.97, 0.97, 0.87, 0.21, 0.18),
    "100 um": (0.95, 0.96, 0.96, 0.84, 0.13, 0.11),
    "250 um": (0.92, 0.94, 0.94, 0.79, 0.05, 0.04),
    "wet": (0.85, 0.87, 0.88, 0.75, 0.03, 0.03),
}
"""Albedo of snow in the bands SEEN, by the radius of its grains; wet or old snow has grains of about 1 mm."""

_SOIL = {"soil": 1.0}
GROUNDS: dict[str, tuple[dict[str, float], float, float]] = {
    "field": ({"grass": 0.6, "straw": 0.4}, 0.8, 0.0),
    "conifers": ({"needles": 1.0}, 1.0, 0.5),
    "broadleaf twigs": ({"twigs": 1.0}, 1.0, 0.5),
    "grass": ({"grass": 0.6, "straw": 0.4}, 0.8, 0.1),
    "wet bare soil": (_SOIL, 0.6, 0.05),
    "dry bare soil": (_SOIL, 1.0, 0.05),
    "streets and tiled roofs": ({"tiles": 0.45, "asphalt": 0.45, "grass": 0.1}, 1.0, 0.3),
    "metal roofs": ({"metal": 0.65, "asphalt": 0.35}, 1.0, 0.1),
    "gravel": ({"gravel": 0.85, "soil": 0.15}, 1.0, 0.05),
}
"""Shares of the demo's pure surfaces, a factor on their sum (winter is duller), and the share that no snow hides."""


@dataclass(frozen=True)
class Drops:
    """Single-scattering albedo and asymmetry of a cloud's particles in the bands SEEN; B09/B8A above thick cloud."""

    albedo: tuple[float, ...]
    asymmetry: tuple[float, ...]
    vapour: float


CLOUDS: dict[str, Drops] = {
    "water": Drops((0.999999, 0.999999, 0.999999, 0.9999, 0.9963, 0.982), (0.86,) * 3 + (0.86, 0.85, 0.84), 1.9),
    "ice": Drops((0.999999, 0.999999, 0.999999, 0.9999, 0.9613, 0.93), (0.80,) * 3 + (0.81, 0.85, 0.86), 2.6),
}

SLANT = 2.9
"""How much longer the way of light through a cloud is than straight down: the sun stands at 20 degrees."""

CLEAR_VAPOUR = (0.98, 1.05)
"""B09/B8A of a patch without cloud lies between these."""

HAZE = 0.15
"""The share of the surroundings in what B09 sees.

Fitted by eye to the clear pixels of a real scene in January (32ULV), whose mean in B8A is 0.57: medians of B09/B8A are
1.43 where B8A is about 0.19 (conifers), 1.13 at 0.27, 0.97 above 0.4.
"""

SNOWY = 0.57
"""Reflectance in B8A of a snowy country, as surroundings of a wood."""

_RELIEF = 0.06  # standard deviation of the sun's light on slopes
_NOISE, _FLOOR = 0.01, 0.0015  # of the sensor: of the signal, and in reflectance
_SNOW_SIZE, _CLOUD_SIZE = 25, 60  # of drifts and of billows, pixels of 10 m


@dataclass(frozen=True)
class Cover:
    """What patches show: shares of a patch are 0..1, ``depth`` is the cloud's optical depth straight down.

    ``around``: what the surroundings reflect in B8A; None: as much as the patch.
    """

    snow: str = "100 um"
    snow_share: float = 1.0
    ground: str = "field"
    cloud: str | None = None
    depth: float = 0.0
    cloud_share: float = 0.0
    around: float | None = None


def make_patches(cover: Cover, n: int, seed: int) -> PatchImages:
    """Make n patches of a cover, on the scale without an offset; the same arguments give the same pixels."""
    patches = [_patch(cover, np.random.default_rng((seed, number))) for number in range(n)]
    visible, infrared, vapour = (np.stack(images) for images in zip(*patches, strict=True))
    return PatchImages(visible, infrared, vapour)


def cloud_layer(cloud: str, depth: float) -> tuple[Float, Float]:
    """Return the two-stream reflection and transmission of a cloud in the bands SEEN, over black ground."""
    albedo, asymmetry = np.array(CLOUDS[cloud].albedo), np.array(CLOUDS[cloud].asymmetry)
    absorbed, forward = np.sqrt(1 - albedo), np.sqrt(1 - albedo * asymmetry)
    thick = (forward - absorbed) / (forward + absorbed)  # what an endless cloud reflects
    path = absorbed * forward * depth * SLANT
    # Scaled by exp(-path), so that nothing overflows.
    fading = np.exp(-2 * path)
    divisor = 1 - thick**2 * fading
    reflection, transmission = thick * (1 - fading) / divisor, (1 - thick**2) * np.exp(-path) / divisor
    return reflection.astype(np.float32), transmission.astype(np.float32)


def cloud_over(surface: Float, cloud: str, depth: float) -> Float:
    """Return what a cloud over a surface reflects; ``surface`` has the bands SEEN last."""
    reflection, transmission = cloud_layer(cloud, depth)
    return np.asarray(reflection + transmission**2 * surface / (1 - reflection * surface), dtype=np.float32)


def cloud_vapour(cloud: str, depth: float, clear: float) -> float:
    """Return B09/B8A over a cloud: it grows with the share of visible light that does not get through."""
    _, transmission = cloud_layer(cloud, depth)
    return clear + (CLOUDS[cloud].vapour - clear) * (1 - float(transmission[1]))


def ground_spectrum(ground: str) -> Float:
    """Return the reflectance of a ground without snow in the bands SEEN."""
    shares, factor, _ = GROUNDS[ground]
    mixed = sum(share * np.array(SURFACES[surface], dtype=np.float32) for surface, share in shares.items())
    columns = [BANDS.index(band) for band in SEEN]
    return np.asarray(np.asarray(mixed)[columns] * np.float32(factor / REFLECTANCE_SCALE), dtype=np.float32)


def _patch(cover: Cover, rng: np.random.Generator) -> tuple[NDArray[np.uint16], ...]:
    """Return visible, infrared and vapour pixels of one patch."""
    standing = GROUNDS[cover.ground][2]
    lying = _covering(cover.snow_share, _SNOW_SIZE, rng) * np.float32(1 - standing)
    snow, ground = np.array(SNOW[cover.snow], dtype=np.float32), ground_spectrum(cover.ground)
    surface = lying[..., np.newaxis] * (snow - ground) + ground
    light = 1 + np.float32(_RELIEF) * smooth_noise((SIDE, SIDE), rng, 40)
    surface = np.clip(surface * light[..., np.newaxis], 0, 0.99)
    clear = rng.uniform(*CLEAR_VAPOUR)
    around = float(surface[..., 3].mean()) if cover.around is None else cover.around
    seen, moist = surface, _moist(surface, around, clear, 1.0)
    if cover.cloud is not None:
        hidden = _covering(cover.cloud_share, _CLOUD_SIZE, rng)
        above = cloud_over(surface, cover.cloud, cover.depth)
        seen = surface + hidden[..., np.newaxis] * (above - surface)
        through = float(cloud_layer(cover.cloud, cover.depth)[1][1])
        vapour = cloud_vapour(cover.cloud, cover.depth, clear)
        moist = moist + hidden * (_moist(above, around, vapour, through) - moist)
    return (
        _numbers(seen[..., :3], 1, rng),
        _numbers(seen[..., 3:], 2, rng),
        _numbers(moist[..., np.newaxis], 6, rng)[..., 0],
    )


def _moist(seen: Float, around: float, vapour: float, through: float) -> Float:
    """Return what B09 shows; ``through``: the share of light that gets through to the surroundings below, 0..1."""
    haze = HAZE * through
    return np.asarray(np.float32(vapour) * (seen[..., 3] * np.float32(1 - haze) + np.float32(around * haze)))


def _covering(share: float, size: float, rng: np.random.Generator) -> Float:
    """Return how much of each pixel is covered, 0..1, with soft edges and about the given mean."""
    if share in (0.0, 1.0):
        return np.full((SIDE, SIDE), share, np.float32)
    field = smooth_noise((SIDE, SIDE), rng, size, 2.4)
    edge = threshold_for_share(field, share)
    return smoothstep(field, edge - 0.12, edge + 0.12)


def _numbers(reflectance: Float, factor: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the digital numbers of pixels that are ``factor`` times as large, with the sensor's noise."""
    side = SIDE // factor
    coarse = reflectance.reshape(side, factor, side, factor, -1).mean(axis=(1, 3))
    coarse = coarse + rng.standard_normal(coarse.shape, dtype=np.float32) * (_NOISE * coarse + _FLOOR)
    numbers: NDArray[np.uint16] = np.clip(np.rint(coarse * REFLECTANCE_SCALE), 1, 65535).astype(np.uint16)
    return numbers
