"""Tables of check sums of samples that were never cut."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from seasonet_build.model.checksums import record_schema
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import write_table

PLAIN = ("10m_RGB", "labels")

Place = tuple[str, str, str]
"""Season set and grid, tile, point."""

Samples = Mapping[Place, tuple[str, int, int]]
"""Of each place the time of the scene that was chosen, and the versions of its two files."""


def path_of(place: Place, time: str) -> str:
    folder, tile, point = place
    return f"{folder}/{tile}_{time}_{point}"


def write_sums(root: Path, samples: Samples, suffixes: tuple[str, ...] = PLAIN) -> DatasetLayout:
    """Write a table of check sums; the rows come as the samples do."""
    layout = DatasetLayout(root)
    columns: dict[str, list[object]] = {name: [] for name in record_schema(suffixes).names}
    for place, (time, *versions) in samples.items():
        columns["path"].append(path_of(place, time))
        for suffix, version in zip(suffixes, (*versions, 0), strict=False):
            columns[f"{suffix}_bytes"].append(100)
            columns[f"{suffix}_sha256"].append(hashlib.sha256(f"{suffix} {version}".encode()).digest())
            columns[f"{suffix}_crc32"].append(version)
    write_table(pa.table(columns, schema=record_schema(suffixes)), layout.checksums)
    return layout
