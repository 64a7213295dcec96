"""The STAC item of a product as Earth Search (collection ``sentinel-2-l2a``) gives it: what the build reads of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from seasonet_build.model.bands import RASTER_RESOLUTION, SCL
from seasonet_build.model.products import ASSETS, FILES, ITEM
from seasonet_build.model.tiles import TILE_SIZE_M, Tile
from seasonet_build.sources.integrity import Listed
from seasonet_build.sources.metadata import MAX_COORDINATE_M, MetadataError
from seasonet_build.sources.offsets import Statement

MAX_ITEM_BYTES = 4 << 20
"""Items have about 25 kB; what is so much larger is something else."""

_MULTIHASH = {"1220": "sha256", "1620": "sha3_256", "d50110": "md5"}
"""Code and length that a multihash begins with, in hex (table of github.com/multiformats/multicodec) -> hashlib."""


class _Part(BaseModel):
    """Part of an item; what is not named is of no interest."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Properties(_Part):
    """Properties of an item; ``cloud`` is in percent."""

    uri: str = Field(alias="s2:product_uri")
    baseline: str = Field(alias="s2:processing_baseline", pattern=r"^\d\d\.\d\d$")
    datastrip: str = Field(alias="s2:datastrip_id")
    datatake: str | None = Field(None, alias="s2:datatake_id")
    platform: str
    grid: str = Field(alias="grid:code")
    epsg: int | None = Field(None, alias="proj:epsg")
    crs: str | None = Field(None, alias="proj:code")
    cloud: float = Field(alias="eo:cloud_cover", ge=0, le=100)
    applied: StrictBool | None = Field(None, alias="earthsearch:boa_offset_applied")


class _RasterBand(_Part):
    offset: float | None = Field(None, allow_inf_nan=False)


class Asset(_Part):
    """Asset of one raster; its ``href`` is not read, for files have names of our own."""

    transform: tuple[float, ...] = Field(alias="proj:transform", min_length=6)
    shape: tuple[int, int] = Field(alias="proj:shape")
    bands: tuple[_RasterBand, ...] = Field((), alias="raster:bands")
    size: int | None = Field(None, alias="file:size", ge=0)
    checksum: str | None = Field(None, alias="file:checksum")


class _File(_Part):
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")


@dataclass(frozen=True)
class Item:
    """An item: its properties, and by raster its assets and what the download says of the files."""

    properties: Properties
    assets: Mapping[str, Asset]
    files: Mapping[str, _File]

    @property
    def statement(self) -> Statement:
        """Return what the item says about the offset."""
        offsets = (band.offset for raster, asset in self.assets.items() if raster != SCL for band in asset.bands)
        stated = tuple(offset for offset in offsets if offset is not None)
        return Statement(self.properties.baseline, self.properties.applied, stated)

    def extent(self, tile: str, epsg: int) -> Tile:
        """Return where the tile lies, the same for all rasters.

        Raises:
            MetadataError: the assets do not agree.
        """
        corners, sides = set(), set()
        for raster, asset in self.assets.items():
            metres, (width, turn, x, skew, height, y) = RASTER_RESOLUTION[raster], asset.transform[:6]
            if (width, turn, skew, height) != (metres, 0, 0, -metres) or not (x.is_integer() and y.is_integer()):
                raise MetadataError(f"{ITEM}: assets.{ASSETS[raster]}.proj:transform is not one of {metres} m pixels")
            corners.add((int(x), int(y)))
            sides |= {side * metres for side in asset.shape}
        if len(corners) != 1 or len(sides) != 1:
            raise MetadataError(f"{ITEM}: assets have corners {sorted(corners)} and sides {sorted(sides)} m, not one")
        (x, y), side = corners.pop(), sides.pop()
        if max(abs(x), abs(y)) > MAX_COORDINATE_M or not 0 < side <= TILE_SIZE_M:
            raise MetadataError(f"{ITEM}: {side} m from ({x}, {y}) are no tile, which has {TILE_SIZE_M} m")
        return Tile(tile, epsg, x, y, side)

    def listed(self, raster: str, size: int) -> Listed | None:
        """Return size and checksum of a raster's file: the provider's own, else those of the download.

        Args:
            raster: such as ``B02``.
            size: what counts where the provider gives a checksum but no size, bytes.
        """
        asset, fetched = self.assets[raster], self.files.get(raster)
        checksum = (asset.checksum or "").lower()
        code = next((code for code in _MULTIHASH if checksum.startswith(code)), None)
        if code is not None:
            return Listed(size if asset.size is None else asset.size, _MULTIHASH[code], checksum.removeprefix(code))
        if fetched is not None:
            return Listed(fetched.size, "sha256", fetched.sha256.lower())
        return None if asset.size is None else Listed(asset.size, None, "")


def read_item(stream: BinaryIO, needed: Iterable[str]) -> Item:
    """Read ``item.json``.

    Args:
        stream: the file.
        needed: the rasters whose assets must be there.

    Raises:
        MetadataError: the file is damaged, or a key is missing or malformed.
    """
    text = stream.read(MAX_ITEM_BYTES + 1)
    if len(text) > MAX_ITEM_BYTES:
        raise MetadataError(f"{ITEM} has more than {MAX_ITEM_BYTES} bytes; fetch it again")
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{ITEM} cannot be read: {error}; fetch it again") from None
    content = _object(item, "the whole")
    assets, files = _object(content.get("assets"), "assets"), _object(content.get(FILES, {}), FILES)
    return Item(
        _part(Properties, content.get("properties"), "properties"),
        {raster: _part(Asset, assets.get(ASSETS[raster]), f"assets.{ASSETS[raster]}") for raster in needed},
        {r: _part(_File, files[f"{r}.tif"], f"{FILES}.{r}.tif") for r in needed if f"{r}.tif" in files},
    )


_AnyPart = TypeVar("_AnyPart", bound=_Part)


def _part(kind: type[_AnyPart], value: object, key: str) -> _AnyPart:
    try:
        return kind.model_validate(_object(value, key))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join([key, *map(str, first["loc"])])
        raise MetadataError(f"{ITEM}: {place}: {first['msg'].lower()}; fetch it again") from None


def _object(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MetadataError(f"{ITEM}: {key} is missing or not an object; fetch it again")
    return value
