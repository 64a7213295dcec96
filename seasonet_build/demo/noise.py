"""Seeded random fields: smooth noise, jittered cells and field-like parcels, all as whole-array numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Shape = tuple[int, int]


def smooth_noise(shape: Shape, rng: np.random.Generator, scale: float, roughness: float = 1.8) -> Float:
    """Return a random field of `shape` with mean 0 and standard deviation 1.

    `scale` is the size of the largest features in pixels. Finer octaves fall off with `roughness`
    (amplitude ~ frequency ** -roughness): 1.3 is grainy, 3 is soft. The field repeats at its edges,
    so it may be shifted with `numpy.roll` without a seam.
    """
    rows, cols = shape
    # Single precision throughout: half the time, and far finer than the digital numbers it ends in.
    down = np.float32(scale) * np.fft.fftfreq(rows).astype(np.float32)
    across = np.float32(scale) * np.fft.rfftfreq(cols).astype(np.float32)
    amplitude = (1 + (down * down)[:, None] + (across * across)[None, :]) ** np.float32(-roughness / 2)
    amplitude[0, 0] = 0
    spectrum = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    field = np.fft.irfft2(spectrum * amplitude, s=shape)
    return np.asarray(field / field.std(), dtype=np.float32)


def smoothstep(values: Float, low: float, high: float) -> Float:
    """Map `values` to 0 below `low`, 1 above `high`, with a soft S-shaped rise between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def threshold_for_share(values: Float, share: float) -> float:
    """Return the value that the given share (0..1) of `values` exceeds."""
    # Every seventh value is enough for a share and saves most of the sorting.
    return float(np.quantile(values.ravel()[::7], 1.0 - share))


def hash_fraction(identity: NDArray[np.uint32], salt: int) -> Float:
    """Turn whole-number identities into repeatable fractions in [0, 1), a different set for each `salt`."""
    mixed = identity ^ np.uint32((salt * 0x9E3779B1) & 0xFFFFFFFF)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(factor)
    return np.asarray((mixed >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24))


@dataclass(frozen=True)
class Parcels:
    """Small plots that tile the ground. Every array has the shape of the ground raster."""

    identity: NDArray[np.uint32]
    centre: tuple[NDArray[np.intp], NDArray[np.intp]]  # row and column of the plot's centre, inside the raster
    edge: NDArray[np.bool_]  # the one-pixel track between two plots


def cells(shape: Shape, rng: np.random.Generator, size: float) -> tuple[NDArray[np.intp], Float, Float]:
    """Divide a raster into irregular cells of about `size` pixels.

    Returns the cell number of each pixel and the pixel's offsets (rows down, columns right) from the cell's seed.
    """
    wobble = [smooth_noise(shape, rng, size, 2.5) * np.float32(0.12) for _ in range(2)]
    y = np.arange(shape[0], dtype=np.float32)[:, None] / np.float32(size) + wobble[0] + 1
    x = np.arange(shape[1], dtype=np.float32)[None, :] / np.float32(size) + wobble[1] + 1
    count = (int(shape[0] / size) + 4, int(shape[1] / size) + 4)
    seeds = rng.random((2, *count), dtype=np.float32)
    base_y, base_x = np.maximum(y.astype(np.intp), 1), np.maximum(x.astype(np.intp), 1)
    best = np.full(shape, np.inf, dtype=np.float32)
    number = np.zeros(shape, dtype=np.intp)
    for step_y in (-1, 0, 1):
        for step_x in (-1, 0, 1):
            candidate = (base_y + step_y) * count[1] + base_x + step_x
            dy = y - (base_y + step_y) - seeds[0].ravel()[candidate]
            dx = x - (base_x + step_x) - seeds[1].ravel()[candidate]
            distance = dy * dy + dx * dx
            nearer = distance < best
            np.copyto(best, distance, where=nearer)
            np.copyto(number, candidate, where=nearer)
    rows, cols = np.divmod(number, count[1])
    seed_y = (rows + seeds[0].ravel()[number] - 1) * size
    seed_x = (cols + seeds[1].ravel()[number] - 1) * size
    offset_y = np.arange(shape[0])[:, None] - seed_y
    offset_x = np.arange(shape[1])[None, :] - seed_x
    return number, offset_y.astype(np.float32), offset_x.astype(np.float32)


def parcels(
    shape: Shape, rng: np.random.Generator, block: float, length: tuple[float, float], width: tuple[float, float]
) -> Parcels:
    """Lay rows of oblong plots, every block of about `block` pixels with its own direction and plot size.

    `length` and `width` are the smallest and largest plot sides in pixels. That is how farmland looks from above.
    """
    number, offset_y, offset_x = cells(shape, rng, block)
    blocks = int(number.max()) + 1
    angle = rng.uniform(0, np.pi, blocks).astype(np.float32)
    cos, sin = np.cos(angle)[number], np.sin(angle)[number]
    long = rng.uniform(*length, blocks).astype(np.float32)[number]
    wide = rng.uniform(*width, blocks).astype(np.float32)[number]
    v = (offset_y * cos - offset_x * sin) / wide
    row = np.floor(v)
    row_identity = (number * 7919 + row.astype(np.intp) * 104729).astype(np.uint32)
    # Plots of neighbouring rows do not begin side by side.
    shift = hash_fraction(row_identity, 1)
    u = (offset_x * cos + offset_y * sin) / long + shift
    col = np.floor(u)
    identity = row_identity * np.uint32(31) + col.astype(np.intp).astype(np.uint32) * np.uint32(0x27D4EB2F)
    along, across = (col + np.float32(0.5) - u) * long, (row + np.float32(0.5) - v) * wide
    centre_row = np.arange(shape[0])[:, None] + along * sin + across * cos
    centre_col = np.arange(shape[1])[None, :] + along * cos - across * sin
    centre = (
        np.clip(centre_row, 0, shape[0] - 1).astype(np.intp),
        np.clip(centre_col, 0, shape[1] - 1).astype(np.intp),
    )
    edge = np.zeros(shape, dtype=np.bool_)
    edge[:, 1:] |= identity[:, 1:] != identity[:, :-1]
    edge[1:] |= identity[1:] != identity[:-1]
    return Parcels(identity=identity, centre=centre, edge=edge)
