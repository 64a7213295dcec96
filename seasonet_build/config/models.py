"""The configuration's keys, their meaning and their defaults: the values of the SeasoNet paper.

Every model refuses unknown keys. Shares of a patch are percent, distances metres.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from seasonet_build.config.auxiliary import AuxiliarySection
from seasonet_build.config.download import DownloadSection
from seasonet_build.config.paths import ConfigPath
from seasonet_build.config.places import Places
from seasonet_build.config.seasons import SeasonsSection
from seasonet_build.config.section import Section
from seasonet_build.config.snow import SnowSection
from seasonet_build.config.split import SplitSection
from seasonet_build.errors import ConfigError
from seasonet_build.model.tiles import square_of


class DatasetSection(Section):
    """What the dataset is called."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the dataset. An output folder that holds a dataset of another name is not touched.",
    )


class PathsSection(Section):
    """Where results go."""

    workspace: ConfigPath = Field(description="Folder for everything that is written: tables, label maps, state.")
    dataset: ConfigPath | None = Field(None, description="Folder of the dataset; unset: 'dataset' in the workspace.")


class AreaSection(Section):
    """Which tiles, and which part of them."""

    tiles: tuple[str, ...] = Field(
        (), description="Sentinel-2 tiles, such as 32ULV; empty: those of the table, else of the products."
    )
    tile_table: ConfigPath | None = Field(
        None, description="CSV with columns tile, epsg, ulx, uly; unset: corners follow from the names."
    )
    outline: ConfigPath | None = Field(
        None, description="Polygons (any vector file); locations must lie wholly inside. Unset: no limit but the map."
    )

    @field_validator("tiles")
    @classmethod
    def _tiles_exist(cls, tiles: tuple[str, ...]) -> tuple[str, ...]:
        for name in tiles:
            try:
                square_of(name)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        if len(set(tiles)) < len(tiles):
            raise ValueError("a tile is listed twice")
        return tuple(sorted(tiles))


class ProductsSection(Section):
    """Sentinel-2 Level-2A products."""

    folders: tuple[ConfigPath, ...] = Field(
        min_length=1, description="Folders with .SAFE folders, .zip archives of them, or .COG folders, at any depth."
    )
    damaged: Literal["stop", "set-aside"] = Field(
        "set-aside",
        description="What becomes of a product that cannot be used: set aside, and exit 3, or stop the run, exit 1.",
    )
    max_zero_share: float = Field(
        0.0001, ge=0, le=1, description="Share of a patch's pixels that may be 0 in a band where SCL has data."
    )


class LabelsSection(Section):
    """The land-cover map."""

    source: ConfigPath = Field(description="BKG's zip, the folder it unpacks to, or any vector file.")
    layers: str = Field("clc5_class*", description="Pattern of the layers (or shapefiles) to read.")
    class_column: str = Field("CLC18", description="Pattern of the text column that holds the CORINE code.")
    crs: str | None = Field(None, description="Coordinate system, if the file names none, such as EPSG:25832.")
    min_coverage: float = Field(
        1.0, gt=0, le=1, description="Share of a patch's pixel centres that the map must cover, whatever the class."
    )
    connectivity: Literal[4, 8] = Field(4, description="Pixels of a region share an edge (4) or at least a corner (8).")
    medium_px: int = Field(100, ge=0, description="Level medium leaves out regions of fewer pixels.")
    easy_px: int = Field(300, ge=0, description="Level easy leaves out regions of fewer pixels.")

    @field_validator("crs")
    @classmethod
    def _crs_is_known(cls, crs: str | None) -> str | None:
        if crs is not None:
            try:
                CRS.from_user_input(crs)
            except CRSError:
                raise ValueError("this coordinate system is not known") from None
        return crs


class DistrictRegions(Section):
    """Region types from district polygons joined with a table of districts."""

    kind: Literal["districts"] = Field(description="Polygons of districts.")
    source: ConfigPath = Field(description="Vector file of the districts.")
    layer: str = Field("*", description="Pattern of its layer.")
    key: str = Field("ags", description="Column with the district key.")
    table: ConfigPath = Field(description="CSV with a row per district.")
    table_key: str = Field("ags", description="Its column with the district key.")
    ktyp4: str = Field("ktyp4", description="Its column with the district type, 1..4.")
    rtyp3: str = Field("rtyp3", description="Its column with the region type, 1..3.")
    slraum: str = Field("slraum", description="Its column with urban 1 / rural 2; empty: follows from ktyp4.")
    max_distance_m: float = Field(10_000, ge=0, description="A patch outside all districts takes the nearest so near.")

    @property
    def files(self) -> list[Path]:
        """Return what the region types are read from."""
        return [self.source, self.table]


class RegionLayer(Section):
    """One layer of region types."""

    layer: str = Field(description="Pattern of the layer (or shapefile).")
    column: str = Field(description="Pattern of the column with the type's number.")


class LayerRegions(Section):
    """Region types from a layer for each type, as in GE250."""

    kind: Literal["layers"] = Field(description="A layer for each type.")
    source: ConfigPath = Field(description="GE250's zip, the folder it unpacks to, or any vector file.")
    ktyp4: RegionLayer = Field(description="District types, 1..4.")
    rtyp3: RegionLayer = Field(description="Region types, 1..3.")
    slraum: RegionLayer | None = Field(None, description="Urban 1 / rural 2; unset: follows from ktyp4.")
    max_distance_m: float = Field(10_000, ge=0, description="A patch outside all regions takes the nearest so near.")

    @property
    def files(self) -> list[Path]:
        """Return what the region types are read from."""
        return [self.source]


class NoRegions(Section):
    """No region types: the columns stay empty."""

    kind: Literal["none"] = Field("none", description="No region types.")

    @property
    def files(self) -> list[Path]:
        """Return what the region types are read from: nothing."""
        return []


RegionsSection = Annotated[DistrictRegions | LayerRegions | NoRegions, Field(discriminator="kind")]


class OutputSection(Section):
    """How patch files are compressed. No reader depends on it."""

    compression: Literal["zstd", "deflate", "none"] = Field("zstd", description="GeoTIFF compression.")
    level: int = Field(1, ge=1, le=22, description="Level of zstd (1..22) or deflate (1..9).")
    masks: bool = Field(
        False, description="Also write _mask_easy, _mask_medium, _clouds and _snow (uint8, 1: counts, cloud, snow)."
    )
    predictor: Literal[1, 2] = Field(2, description="TIFF predictor: 1 none, 2 horizontal differences (smaller).")

    @model_validator(mode="after")
    def _level_fits(self) -> "OutputSection":
        if self.compression == "deflate" and self.level > 9:
            raise ValueError(f"level {self.level} is too high for deflate: 1 to 9")
        return self


class BuildConfig(Section):
    """A whole configuration."""

    dataset: DatasetSection
    paths: PathsSection
    area: AreaSection = AreaSection()
    products: ProductsSection
    download: DownloadSection = DownloadSection()
    auxiliary: AuxiliarySection = AuxiliarySection()
    labels: LabelsSection
    regions: RegionsSection = NoRegions()
    seasons: SeasonsSection = Field(default_factory=lambda: SeasonsSection.model_validate({}))
    snow: SnowSection = SnowSection()
    split: SplitSection = SplitSection()
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _downloads_are_read(self) -> "BuildConfig":
        if self.download.folder is not None and self.download.folder not in self.products.folders:
            raise ValueError(f"download.folder: {self.download.folder} is none of products.folders")
        return self

    @model_validator(mode="after")
    def _places_are_apart(self) -> "BuildConfig":
        inputs = [("labels.source", self.labels.source), *(("products.folders", f) for f in self.products.folders)]
        inputs += zip(("regions.source", "regions.table"), self.regions.files, strict=False)
        files = (
            ("area.tile_table", self.area.tile_table),
            ("area.outline", self.area.outline),
            ("snow.classifier", self.snow.model),
        )
        inputs += [(key, file) for key, file in files if file is not None]
        key = "products.folders" if self.download.folder is None else "download.folder"
        downloads = (key, self.download_folder) if self.download.provider != "folder" else None
        Places(self.workspace, self.dataset_root, inputs, downloads).check()
        return self

    @property
    def download_folder(self) -> Path:
        """Return the folder that products are put in."""
        return self.download.folder or self.products.folders[0]

    @property
    def workspace(self) -> Path:
        """Return the workspace folder."""
        return self.paths.workspace

    @property
    def dataset_root(self) -> Path:
        """Return the dataset's folder."""
        return self.paths.dataset or self.paths.workspace / "dataset"
