"""Where things lie in a dataset and in a workspace."""

from dataclasses import dataclass
from pathlib import Path

from seasonet_build.model.grid import GRIDS
from seasonet_build.model.seasons import SEASONS

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class DatasetLayout:
    """The files of a dataset in the form that SeasoNet was published in."""

    root: Path

    @property
    def meta_csv(self) -> Path:
        """Return the table that readers use: a row per sample."""
        return self.root / "meta.csv"

    @property
    def meta_parquet(self) -> Path:
        """Return the same table as GeoParquet, with more columns."""
        return self.root / "meta.parquet"

    @property
    def checksums(self) -> Path:
        """Return the table with the check sums of all files of patches (see model.checksums)."""
        return self.root / "checksums.parquet"

    @property
    def sums(self) -> Path:
        """Return the list with the check sums of all other files."""
        return self.root / "SHA256SUMS"

    @property
    def marker(self) -> Path:
        """Return the file that says whose dataset this is."""
        return self.root / ".seasonet-build.json"

    @property
    def staging(self) -> Path:
        """Return the folder for patches that are not finished; it is there until a run has published its tables."""
        return self.root / ".staging"

    @property
    def publishing(self) -> Path:
        """Return the folder of tables that are complete but not all in their place."""
        return self.root / ".publishing"

    @property
    def splits(self) -> Path:
        """Return the folder of the split files."""
        return self.root / "splits"

    def split_file(self, split: str) -> Path:
        """Return the index file of ``train``, ``val`` or ``test``."""
        return self.root / "splits" / f"{split}.csv"

    def grid_folders(self) -> list[Path]:
        """Return the folders of all season sets and grids."""
        return [self.root / season.value / f"grid{grid}" for season in SEASONS for grid in GRIDS]


def patch_path(season: str, grid: int, name: str) -> str:
    """Return the path of a patch folder relative to the dataset, with ``/``, as ``meta.csv`` writes it."""
    return f"{season}/grid{grid}/{name}"


@dataclass(frozen=True)
class WorkspaceLayout:
    """The files of a workspace beside the dataset."""

    root: Path

    @property
    def locations(self) -> Path:
        """Return the locations table."""
        return self.root / "tables" / "locations.parquet"

    @property
    def samples(self) -> Path:
        """Return the samples table."""
        return self.root / "tables" / "samples.parquet"

    @property
    def land_cover(self) -> Path:
        """Return the folder of the indexed copy of the land-cover map."""
        return self.root / "landcover"

    @property
    def state(self) -> Path:
        """Return the folder of manifests."""
        return self.root / "state"

    @property
    def product_lock(self) -> Path:
        """Return the file with the choice of products to download."""
        return self.root / "products.lock"

    @property
    def source_lock(self) -> Path:
        """Return the file with what is known of auxiliary data."""
        return self.root / "sources.lock"

    @property
    def lock(self) -> Path:
        """Return the lock file."""
        return self.root / ".lock"

    @property
    def edition(self) -> DatasetLayout:
        """Return the tables and splits of the dataset as they are before they are published."""
        return DatasetLayout(self.root / "edition")

    @property
    def changes(self) -> Path:
        """Return the folder of what each run changed in the dataset."""
        return self.root / "changes"

    @property
    def last_run(self) -> Path:
        """Return the file that says how the last run ended."""
        return self.state / "run.json"

    @property
    def output_folders(self) -> list[Path]:
        """Return the folders that hold what stages write, and nothing else."""
        names = ("labels", "observations", "clouds", "patches", "tables", "landcover", "edition")
        return [self.root / name for name in names]

    def label_raster(self, tile: str) -> Path:
        """Return the label raster of a tile."""
        return self.root / "labels" / f"{tile}.tif"

    def label_table(self, tile: str) -> Path:
        """Return the table of a tile's cells."""
        return self.root / "labels" / f"{tile}.parquet"

    def observations(self, scene: str) -> Path:
        """Return the observations of a scene."""
        return self.root / "observations" / f"{scene}.parquet"

    def cloud_signs(self, scene: str) -> Path:
        """Return what tells cloud from snow in the snowy candidates of a scene."""
        return self.root / "clouds" / f"{scene}.parquet"

    def patches(self, scene: str) -> Path:
        """Return the record of the patches that were cut from a scene."""
        return self.root / "patches" / f"{scene}.parquet"
