"""Sentinel-2 Level-2A products as Cloud-Optimised GeoTIFFs beside the catalogue's item: read and checked.

The folder of a product has the product's name with ``.COG`` and holds ``item.json``, the STAC item as the catalogue
gave it, and a file such as ``B02.tif`` for each raster. No path that the item names is ever opened.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import BAND_RESOLUTION, RASTER_RESOLUTION, SCL
from seasonet_build.model.products import ITEM
from seasonet_build.model.tiles import utm_epsg
from seasonet_build.sources.container import Container
from seasonet_build.sources.inspection import Product, check_raster, compact_time, joint_digest
from seasonet_build.sources.integrity import Listed, find_mismatch, scan
from seasonet_build.sources.items import Item, Properties, read_item
from seasonet_build.sources.metadata import MetadataError
from seasonet_build.sources.offsets import decide_offset
from seasonet_build.sources.tiff import find_damage

EARLIEST_DATASTRIP = timedelta(seconds=-10)
LATEST_DATASTRIP = timedelta(hours=1)
"""When a datastrip may start, after its datatake: a datatake is shorter than the day side of an orbit, 50 minutes."""

_DATASTRIP = re.compile(r"S2[A-D]_OPER_MSI_L2A_DS_\w{4}_\d{8}T\d{6}_S(?P<start>\d{8}T\d{6})_N\d\d\.\d\d")
_DATATAKE = re.compile(r"G(?P<platform>S2[A-D])_(?P<start>\d{8}T\d{6})_\d{6}_N\d\d\.\d\d")


class CogInspection:
    """The steps of looking at one product."""

    def __init__(self, name: str, match: re.Match[str], container: Container) -> None:
        """Take the product's name, the parts of its name by PRODUCT_NAME, and its files."""
        self.name, self.match, self.container = name, match, container
        self.files = container.names()

    def run(self, needed: list[str]) -> Product:
        """Look at the product; ``needed`` are the rasters that must be there.

        Raises:
            ProductError: the product is incomplete, damaged, or disagrees with itself.
            MetadataError: ``item.json`` is damaged or disagrees with the product's name.
        """
        item = self._item(needed)
        self._check_names(item.properties)
        extent = item.extent(self.match["tile"], utm_epsg(self.match["tile"]))
        files = self._rasters(needed)
        listed = {raster: item.listed(raster, self.container.size(file)) for raster, file in files.items()}
        digests = [self._digest(ITEM), *(self._checked_digest(file, listed[raster]) for raster, file in files.items())]
        paths = {raster: self.container.gdal_path(file) for raster, file in files.items()}
        for raster, path in paths.items():
            dtype = "uint8" if raster == SCL else "uint16"
            check_raster(self.name, path, extent, RASTER_RESOLUTION[raster], ITEM, dtype)
        return Product(
            name=self.name,
            path=str(self.container.path),
            platform=self.match["platform"],
            start=compact_time(self.match["start"]),
            baseline=item.properties.baseline,
            orbit=int(self.match["orbit"]),
            discriminator=self.match["discriminator"],
            datastrip=self._datastrip(item.properties.datastrip),
            tile=extent.name,
            epsg=extent.epsg,
            ulx=extent.ulx,
            uly=extent.uly,
            size_m=extent.size_m,
            cloud=item.properties.cloud,
            offsets=self._offsets(item, paths),
            rasters=paths,
            digest=joint_digest(digests),
            manifest_credible=all(entry is not None and entry.algorithm for entry in listed.values()),
        )

    def _item(self, needed: list[str]) -> Item:
        if ITEM not in self.files:
            raise ProductError(self.name, f"{ITEM} is missing")
        with self.container.open(ITEM) as stream:
            return read_item(stream, needed)

    def _check_names(self, properties: Properties) -> None:
        """Hold the properties against the product's name."""
        match = self.match
        epsg = f"EPSG:{properties.epsg}" if properties.crs is None else properties.crs
        statements = [
            ("s2:product_uri", properties.uri.removesuffix(".SAFE"), self.name),
            ("s2:processing_baseline", properties.baseline, f"{match['baseline'][:2]}.{match['baseline'][2:]}"),
            ("platform", properties.platform.lower(), f"sentinel-{match['platform'][1:].lower()}"),
            # Zones below 10 have no leading zero there.
            ("grid:code", properties.grid.removeprefix("MGRS-").zfill(len(match["tile"])), match["tile"]),
            ("proj:epsg or proj:code", epsg, f"EPSG:{utm_epsg(match['tile'])}"),
        ]
        if properties.datatake is not None:
            datatake = _DATATAKE.fullmatch(properties.datatake)
            stated = f"{datatake['platform']} {datatake['start']}" if datatake else properties.datatake
            statements.append(("s2:datatake_id", stated, f"{match['platform']} {match['start']}"))
        for key, said, named in statements:
            if said != named:
                raise MetadataError(f"{ITEM}: {key} says {said!r}, the product's name {named!r}; fetch it again")

    def _offsets(self, item: Item, paths: Mapping[str, str]) -> dict[str, int]:
        """Return the offset of each band that is read: of SCL alone nobody needs to know one."""
        bands = [raster for raster in paths if raster in BAND_RESOLUTION]
        return dict.fromkeys(bands, decide_offset(self.name, item.statement, paths)) if bands else {}

    def _datastrip(self, stated: str) -> datetime:
        """Return when the datastrip starts, after holding it against the start of the datatake."""
        match = _DATASTRIP.fullmatch(stated)
        if match is None:
            raise MetadataError(f"{ITEM}: s2:datastrip_id {stated!r} is not that of a datastrip of Level-2A")
        try:
            start = compact_time(match["start"])
        except ValueError as error:
            raise MetadataError(f"{ITEM}: s2:datastrip_id: {error}") from None
        if not EARLIEST_DATASTRIP <= start - compact_time(self.match["start"]) <= LATEST_DATASTRIP:
            raise MetadataError(
                f"{ITEM}: s2:datastrip_id starts at {match['start']}, the datatake at {self.match['start']}"
            )
        return start

    def _rasters(self, needed: list[str]) -> dict[str, str]:
        """Return the file of each raster that is needed: a name of our own, none of the item's."""
        files = {raster: f"{raster}.tif" for raster in needed}
        missing = [file for file in files.values() if file not in self.files]
        if missing:
            raise ProductError(self.name, f"lacks {', '.join(missing)}; fetch the whole product")
        return files

    def _digest(self, file: str) -> str:
        with self.container.open(file) as stream:
            return f"{file} {scan(stream, None).sha256}"

    def _checked_digest(self, file: str, listed: Listed | None) -> str:
        """Read a raster's file through, check it, and return a text that stands for its content."""
        size = self.container.size(file)
        with self.container.open(file) as stream:
            file_scan = scan(stream, listed.algorithm if listed else None)
            damage = find_mismatch(file_scan, size, listed, ITEM)
            if damage is None:
                verified = listed is not None and listed.algorithm is not None
                damage = find_damage(stream, size, unpack=not verified)
        if damage is not None:
            raise ProductError(self.name, f"{file} {damage}; fetch it again")
        return f"{file} {file_scan.sha256}"
