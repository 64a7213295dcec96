"""What a run changes in a dataset: samples that are new, replaced or removed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.stages.records import read_record
from seasonet_build.storage import write_text

_DATATAKE = r"_\d{8}T\d{6}_"
_TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"


@dataclass(frozen=True)
class Changes:
    """Paths of samples, each list sorted; ``replaced`` has pairs of the old and the new path, which may be the same.

    ``first`` says that there was no dataset to compare with: then the lists are empty.
    """

    samples: int
    first: bool
    new: tuple[str, ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Tell whether there is anything to say."""
        return bool(self.first or self.new or self.replaced or self.removed)

    def counts(self) -> dict[str, int]:
        """Return how many samples are new, replaced and removed."""
        return {
            "new": self.samples if self.first else len(self.new),
            "replaced": len(self.replaced),
            "removed": len(self.removed),
        }

    def text(self, dataset: str, time: datetime) -> str:
        """Return the changes as JSON, with the name of the dataset and the time (UTC)."""
        record = {
            "time": time.astimezone(UTC).strftime(_TIME_FORMAT),
            "dataset": dataset,
            "samples": self.samples,
            "first": self.first,
            "counts": self.counts(),
            "new": self.new,
            "replaced": [{"from": old, "to": new} for old, new in self.replaced],
            "removed": self.removed,
        }
        return json.dumps(record, indent=1) + "\n"


def compare(old: DatasetLayout, new: DatasetLayout) -> Changes:
    """Return what changes when a dataset takes on new tables; both are told by their tables of check sums.

    A sample is replaced if another scene was chosen for its location and season set, or its files differ.

    Raises:
        DataError: the new table cannot be read.
    """
    after = read_record(new.checksums, ["path"])
    try:
        before = read_record(old.checksums, ["path"])
    except DataError:
        return Changes(len(after), first=True)
    was, now = _keyed(before), _keyed(after)
    common = was.merge(now, on="key", suffixes=("_was", "_now"))
    differ = _differ(old.checksums, new.checksums, common)
    return Changes(
        len(after),
        first=False,
        new=tuple(sorted(now.loc[~now["key"].isin(was["key"]), "path"])),
        replaced=tuple(sorted(zip(common["path_was"][differ], common["path_now"][differ], strict=True))),
        removed=tuple(sorted(was.loc[~was["key"].isin(now["key"]), "path"])),
    )


def keep_changes(file: Path, folder: Path) -> None:
    """Copy a file of changes (see :meth:`Changes.text`) to a file named after their time.

    Raises:
        DataError: the file is damaged.
    """
    try:
        text = file.read_text(encoding="utf-8")
        time = datetime.strptime(json.loads(text)["time"], _TIME_FORMAT)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: cannot be read: {error}; delete it and run again") from None
    # Sorted by name, the later one comes later.
    ends = chain([""], (f"_{n}" for n in count(2)))
    files = (folder / f"{time:{_TIME_FORMAT}}{end}.json" for end in ends)
    write_text(next(target for target in files if _is_free(target, text)), text)


def _is_free(file: Path, text: str) -> bool:
    """Tell whether a file is not there, or is what an interrupted run wrote of just this."""
    return not file.exists() or file.read_text(encoding="utf-8") == text


def kept_changes(folder: Path) -> list[Path]:
    """Return the files that tell what runs changed, the oldest first."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(".part.json"))


def read_changes(file: Path) -> dict[str, Any]:
    """Read what a run changed.

    Raises:
        DataError: the file is damaged.
    """
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        found["counts"] = {name: int(found["counts"][name]) for name in ("new", "replaced", "removed")}
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"{file}: cannot be read: {error}; delete it") from None
    return found


def _keyed(record: pa.Table) -> pd.DataFrame:
    """Return paths, and what each says of season set and location."""
    paths = record["path"].to_pandas()
    return pd.DataFrame({"path": paths, "key": paths.str.replace(_DATATAKE, "_", regex=True), "row": range(len(paths))})


def _differ(before: Path, after: Path, common: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which of the samples that are in both tables differ; a column at a time, for they are large."""
    names = pq.read_schema(after).names
    if pq.read_schema(before).names != names:
        return np.ones(len(common), dtype=bool)
    differ: NDArray[np.bool_] = (common["path_was"] != common["path_now"]).to_numpy(bool)
    old, new = (pa.array(common[name].to_numpy(), pa.int64()) for name in ("row_was", "row_now"))
    for name in names:
        if name.endswith("_sha256"):
            was, now = (read_record(path, [name])[name] for path in (before, after))
            unequal = pc.not_equal(was.take(old), now.take(new))
            differ = differ | unequal.to_numpy().astype(bool)
    return differ
