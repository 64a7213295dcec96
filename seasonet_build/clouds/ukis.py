"""Shares of cloud as the neural network of ukis-csmask sees them (DLR; Apache-2.0; the extra ``ukis``).

The network (U-Net on EfficientNet-B4, six bands, Level-2A) looks at windows of 256 x 256 pixels, here of 20 m: it was
made for about 30 m. Shadow of clouds, its third class, does not count: of the snow in a real clear scene it takes 40 %
for shadow, but none for cloud.

What it says of a pixel depends on the whole window. So the windows are tied to the tile: each speaks for the 192 x 192
pixels in its middle, and only those windows are looked at that speak for a candidate. What comes out for a patch does
not depend on which other patches are asked for. A whole tile has 841 windows of 0.14 s each; memory stays below 700 MB.

The package's own class CSmask is not used, only its weights and statistics: it takes a whole image (8 GB for a tile),
loads the network anew for each, and blends windows whose places follow from the edges of the image it is given.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.clouds.measures import block_sums
from seasonet_build.errors import ConfigError, ProductError
from seasonet_build.model.bands import REFLECTANCE_SCALE
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.blocks import iter_windows
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.windows import scene_band

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint16]
Flags = NDArray[np.bool_]
Reflectance = NDArray[np.float32]

FINE, COARSE = ("B02", "B03", "B04"), ("B8A", "B11", "B12")
"""Bands of 10 m, which are averaged to 20 m, and bands of 20 m; together in the network's order."""

RESOLUTION = 20
WINDOW, MIDDLE = 256, 192
"""Side of what the network looks at, and of what it is asked about, px."""

_INSTALL = "pip install 'seasonet-build[ukis]'"
_BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
_WEIGHTS, _ABOUT = "model_6b_l2a.onnx", "model_6b_l2a.json"
_CLOUD = 1  # the class; 0: clear, 2: shadow of a cloud, which does not count
_ZOOM = 2
_SIDE = PATCH_M // RESOLUTION


def cloud_shares(scene: Scene, x: Ints, y: Ints) -> Floats:
    """Return the share of cloud in patches of a scene, 0..1, shape (n,); shadow of clouds does not count.

    Args:
        scene: where to read.
        x: west edges of the patches, metres, shape (n,).
        y: their north edges.

    Raises:
        ConfigError: the extra ``ukis`` is not installed.
        ProductError: a band cannot be decoded.
    """
    if not len(x):
        return np.zeros(0)
    network = load_network()
    tops, lefts = (scene.tile.uly - y) // RESOLUTION, (x - scene.tile.ulx) // RESOLUTION
    side = scene.tile.size_m // RESOLUTION
    cloud = np.zeros((side, side), dtype=bool)
    for middle, corner, reflectance in _windows(scene, _middles(tops, lefts), side):
        first, last = middle - corner, np.minimum(middle + MIDDLE, side) - corner
        found = network.cloud(reflectance)[first[0] : last[0], first[1] : last[1]]
        cloud[middle[0] : middle[0] + MIDDLE, middle[1] : middle[1] + MIDDLE] = found
    patches = (cloud[top : top + _SIDE, left : left + _SIDE] for top, left in zip(tops, lefts, strict=True))
    return np.array([patch.mean() for patch in patches])


def _middles(tops: Ints, lefts: Ints) -> Ints:
    """Return first row and column of each square of MIDDLE pixels that a patch touches, sorted, shape (m, 2)."""
    reach = (0, _SIDE - 1)
    corners = [np.stack([tops + down, lefts + right], axis=1) for down in reach for right in reach]
    return np.unique(np.concatenate(corners) // MIDDLE, axis=0) * MIDDLE


def _windows(scene: Scene, middles: Ints, side: int) -> Iterator[tuple[Ints, Ints, Reflectance]]:
    """Yield row and column of middles, of the windows around them, and reflectance, shape (window, window, 6).

    At the edges of the tile windows are moved inside; a tile that is smaller than a window is one.
    """
    window = min(WINDOW, side)
    corners = np.clip(middles - (WINDOW - MIDDLE) // 2, 0, side - window)
    fine, coarse = ([scene_band(scene, band) for band in bands] for bands in (FINE, COARSE))
    try:
        with gdal_env():
            visible = iter_windows(fine, corners[:, 0] * _ZOOM, corners[:, 1] * _ZOOM, window * _ZOOM)
            infrared = iter_windows(coarse, corners[:, 0], corners[:, 1], window)
            # Windows come by their top edge, from north to south, whatever the resolution.
            for (members, of_10_m), (_, of_20_m) in zip(visible, infrared, strict=True):
                for number, member in enumerate(members):
                    yield middles[member], corners[member], _reflectance(of_10_m[number], of_20_m[number])
    except RasterioError as error:
        bands = ", ".join(FINE + COARSE)
        raise ProductError(scene.first.name, f"{bands} cannot be decoded: {error}") from None


def _reflectance(fine: Pixels, coarse: Pixels) -> Reflectance:
    """Return the reflectance of all bands at 20 m, shape (side, side, 6)."""
    sums = block_sums(np.moveaxis(fine, -1, 0).astype(np.int32), _ZOOM)
    means = np.moveaxis(sums, 0, -1).astype(np.float32) / np.float32(_ZOOM**2)
    numbers: Reflectance = np.concatenate([means, coarse.astype(np.float32)], axis=-1)
    return numbers / np.float32(REFLECTANCE_SCALE)


@dataclass(frozen=True)
class Network:
    """The network, ready to be asked; ``mean`` and ``deviation`` are those of each band in its training."""

    session: Any
    mean: Reflectance
    deviation: Reflectance

    def cloud(self, reflectance: Reflectance) -> Flags:
        """Tell which pixels of a window are cloud.

        Args:
            reflectance: of FINE and COARSE, shape (side, side, 6), at most WINDOW px; pixels of 0 have no data.
        """
        side = len(reflectance)
        data = reflectance.any(axis=-1)
        if not data.any():
            return np.zeros((side, side), dtype=bool)
        # The network takes windows of one size only: a smaller one is mirrored at its edges, as CSmask does.
        missing = WINDOW - side
        filled = np.pad((reflectance - self.mean) / self.deviation, ((0, missing), (0, missing), (0, 0)), "symmetric")
        batch = np.ascontiguousarray(np.moveaxis(filled, -1, 0)[np.newaxis])
        (scores,) = self.session.run(None, {self.session.get_inputs()[0].name: batch})
        found: Flags = (scores[0].argmax(axis=0)[:side, :side] == _CLOUD) & data
        return found


def require_network() -> None:
    """Check that the extra ``ukis`` is installed; nothing is loaded.

    Raises:
        ConfigError: it is not.
    """
    if find_spec("onnxruntime") is None or find_spec("ukis_csmask") is None:
        raise ConfigError(f"snow.classifier = 'ukis' needs ukis-csmask and onnxruntime: {_INSTALL}")


@cache
def load_network() -> Network:
    """Return the network of the installed ukis-csmask, loaded once a process.

    Raises:
        ConfigError: it is not installed, or is not as version 1.0 is.
    """
    require_network()
    import onnxruntime

    folder = files("ukis_csmask")
    # One thread, so that sums are added up in the same order each time; workers share the cores already.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    try:
        about = json.loads(folder.joinpath(_ABOUT).read_text(encoding="utf-8"))["data"]["dataset_statistics"]
        mean, deviation = np.array(about["img"], dtype=np.float32)
        order = tuple(about["band_names"])
        with as_file(folder.joinpath(_WEIGHTS)) as path:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"the installed ukis-csmask is not as version 1.0 is ({error!r}): {_INSTALL}") from None
    if order != _BANDS:
        raise ConfigError(
            f"the installed ukis-csmask has the bands {', '.join(order)}, not {', '.join(_BANDS)}: {_INSTALL}"
        )
    return Network(session, mean, deviation)
