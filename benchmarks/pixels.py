"""Made-up pixels of a whole tile that compress about as well as real ones.

Farmland and woods from the demo's random fields, several octaves of texture, noise in every band, a few clouds. The
tile is made square by square, so that memory stays small; the seams between squares do not matter here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seasonet_build.demo.noise import (
    cells,
    hash_fraction,
    parcels,
    smooth_noise,
    smoothstep,
    threshold_for_share,
)
from seasonet_build.demo.spectra import BANDS, CLOUD, SURFACES
from seasonet_build.model.bands import BAND_RESOLUTION, SCL_RESOLUTION
from seasonet_build.model.classes import N_CLASSES

OFFSET = -1000
"""BOA_ADD_OFFSET of the product: that of baseline 04.00 and later."""

SQUARE_M = 21_960
_PIXEL_M = 10
_CLOUD_SHARE = 0.03
_TEXTURE = {10: 0.045, 20: 0.06, 60: 0.1}
"""Relative strength of the finest texture by pixel size; chosen so that files come to about the size of real ones."""

_NOISE = {10: 0.008, 20: 0.01, 60: 0.012}
"""Standard deviation of the noise of a single band, relative to its signal."""

Float = NDArray[np.float32]


@dataclass(frozen=True)
class TilePixels:
    """Stored digital numbers of each band at its own pixel size, and the scene classification at 20 m."""

    bands: dict[str, NDArray[np.uint16]]
    scl: NDArray[np.uint8]


def make_pixels(size_m: int, seed: int) -> TilePixels:
    """Make the pixels of a product; the same arguments give the same pixels."""
    sides = {resolution: size_m // resolution for resolution in (10, 20, 60)}
    bands = {band: np.empty((sides[r], sides[r]), np.uint16) for band, r in BAND_RESOLUTION.items()}
    scl = np.empty((sides[SCL_RESOLUTION],) * 2, np.uint8)
    for top, left, rows, cols in _squares(size_m):
        ground = _Ground((rows // _PIXEL_M, cols // _PIXEL_M), np.random.default_rng((seed, top, left)))
        for band, resolution in BAND_RESOLUTION.items():
            bands[band][_part(top, left, rows, cols, resolution)] = ground.numbers(band, resolution)
        scl[_part(top, left, rows, cols, SCL_RESOLUTION)] = ground.classification()
    return TilePixels(bands, scl)


def make_labels(size_m: int, seed: int, cell_px: float = 70.0) -> NDArray[np.uint8]:
    """Return a label raster at 10 m: irregular cells of about ``cell_px`` pixels, each of one of the 33 classes."""
    side = size_m // _PIXEL_M
    labels = np.empty((side, side), np.uint8)
    for top, left, rows, cols in _squares(size_m):
        rng = np.random.default_rng((seed, top, left, 1))
        number, _, _ = cells((rows // _PIXEL_M, cols // _PIXEL_M), rng, cell_px)
        # Squared fractions: some classes are common and some are rare, as on real land.
        share = hash_fraction(number.astype(np.uint32), int(rng.integers(1 << 16))) ** 2
        labels[_part(top, left, rows, cols, _PIXEL_M)] = 1 + (share * N_CLASSES).astype(np.uint8)
    return labels


def _squares(size_m: int) -> Iterator[tuple[int, int, int, int]]:
    """Give top, left, height and width of the squares that make up the tile, metres."""
    for top in range(0, size_m, SQUARE_M):
        for left in range(0, size_m, SQUARE_M):
            yield top, left, min(SQUARE_M, size_m - top), min(SQUARE_M, size_m - left)


def _part(top: int, left: int, rows: int, cols: int, resolution: int) -> tuple[slice, slice]:
    return (
        slice(top // resolution, (top + rows) // resolution),
        slice(left // resolution, (left + cols) // resolution),
    )


class _Ground:
    """One square of land under a few clouds, at 10 m."""

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator) -> None:
        self._rng = rng
        fields = parcels(shape, rng, block=160, length=(30, 120), width=(14, 50))
        green = smoothstep(hash_fraction(fields.identity, 1), 0.2, 0.7)
        woods = smoothstep(smooth_noise(shape, rng, 120), 0.3, 0.5)
        self._shares = {
            "crop": green * (1 - woods),
            "soil": (1 - green) * (1 - woods),
            "needles": woods,
        }
        tone = 1 + np.float32(0.3) * (hash_fraction(fields.identity, 2) - np.float32(0.5))
        self._tone = tone * np.exp(np.float32(0.15) * smooth_noise(shape, rng, 300, 2.2))
        self._texture = smooth_noise(shape, rng, 20, 1.4)
        veil = smooth_noise(shape, rng, 250, 2.2)
        edge = threshold_for_share(veil, _CLOUD_SHARE)
        self._opacity = smoothstep(veil, edge, edge + 0.5)

    def numbers(self, band: str, resolution: int) -> NDArray[np.uint16]:
        """Return what a product stores for a band."""
        index = BANDS.index(band)
        light = sum(share * np.float32(SURFACES[surface][index]) for surface, share in self._shares.items())
        signal = self._tone * np.exp(np.float32(_TEXTURE[resolution]) * self._texture) * light
        signal += self._opacity * (CLOUD[index] - signal)
        native = _mean(signal, resolution // _PIXEL_M)
        noise = self._rng.standard_normal(native.shape, dtype=np.float32)
        native *= 1 + np.float32(_NOISE[resolution]) * noise
        return (np.clip(native, 1, 20_000) - OFFSET).astype(np.uint16)

    def classification(self) -> NDArray[np.uint8]:
        """Return the scene classification: soil, plants, and clouds of two degrees."""
        factor = SCL_RESOLUTION // _PIXEL_M
        opacity, soil = _mean(self._opacity, factor), _mean(self._shares["soil"], factor)
        classes: NDArray[np.uint8] = np.select([opacity > 0.5, opacity > 0.05, soil > 0.5], [9, 8, 5], 4).astype(
            np.uint8
        )
        return classes


def _mean(values: Float, factor: int) -> Float:
    """Average squares of ``factor`` x ``factor`` pixels."""
    rows, cols = values.shape[0] // factor, values.shape[1] // factor
    means: Float = values.reshape(rows, factor, cols, factor).mean(axis=(1, 3))
    return means
