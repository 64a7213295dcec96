"""Verify a dataset: its tables, its splits, and every file of its patches."""

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seasonet_build.engine.dealing import Progress, deal
from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.verify.findings import Findings, Mode, Report, sorted_once
from seasonet_build.verify.names import Flags, read_names
from seasonet_build.verify.patches import Batch, Outcome, Sums, check_batch
from seasonet_build.verify.places import check_places
from seasonet_build.verify.record import Record, check_regular, read_paths, read_record, read_sums
from seasonet_build.verify.splits import check_splits, expected_files, split_files
from seasonet_build.verify.structure import (
    check_extra_patches,
    check_top,
    list_patches,
    require_dataset,
    suffixes_there,
)
from seasonet_build.verify.table import Meta, check_parquet, read_table

BATCH = 100
"""Patches that a worker takes at a time."""


@dataclass(frozen=True)
class _Plan:
    """Which patches are to be checked against what; ``paths``, ``classes`` and ``sound`` are arrays of length n.

    Where ``sound`` is false the path is not that of a patch and might lead anywhere: it is named, but not looked at.
    """

    layout: DatasetLayout
    mode: Mode
    paths: pa.Array
    classes: pa.Array | None
    sound: Flags
    suffixes: tuple[str, ...]
    recorded: bool


def verify_dataset(root: Path, mode: Mode, workers: int, progress: Progress) -> Report:
    """Check a dataset; nothing is written.

    Args:
        root: its folder.
        mode: how far files of patches are looked at.
        workers: number of processes.
        progress: shows how far the check has come.

    Raises:
        DataError: it is not a dataset.
    """
    layout, findings = DatasetLayout(root), Findings()
    require_dataset(layout)
    record = read_record(layout, findings)
    check_top(layout, record.listed, findings)
    plan = _plan(layout, mode, record, findings)
    outcome = Outcome()
    n = -(-len(plan.paths) // BATCH)
    dealt = deal(check_batch, _batches(plan, findings), min(workers, max(1, n)))
    with progress("verify", n) as advance, closing(dealt):
        for part in dealt:
            outcome.files += part.files
            outcome.size += part.size
            findings.problems.extend(part.problems)
            advance()
    return Report(
        str(root),
        mode,
        len(plan.paths),
        outcome.files,
        outcome.size,
        plan.recorded,
        sorted_once(findings.problems),
        sorted(set(findings.notes)),
    )


def _plan(layout: DatasetLayout, mode: Mode, record: Record, findings: Findings) -> _Plan:
    """Check the tables and splits, and choose the table that tells which patches there are."""
    meta = _check_tables(layout, record, findings)
    paths, classes, recorded = _patches(layout, meta, record, findings)
    if paths is None:
        paths = list_patches(layout)
        findings.notes.append("which patches there should be is not known: neither table can be read")
        check_extra_patches(layout, paths.filter(pa.array(read_names(paths).valid)), findings)
    else:
        check_extra_patches(layout, paths, findings)
    sound = meta.names.valid if meta is not None and paths is meta.paths else read_names(paths).valid
    if not recorded:
        findings.notes.append("there is no usable record (checksums.parquet): contents were held against no check sums")
    suffixes = record.suffixes if recorded and record.suffixes else suffixes_there(layout, paths)
    return _Plan(layout, mode, paths, classes, sound, suffixes, recorded)


def _check_tables(layout: DatasetLayout, record: Record, findings: Findings) -> Meta | None:
    """Check tables and splits; return the rows of ``meta.csv`` if it is what it was and can be read."""
    named, name = findings.named(), layout.meta_csv.name
    meta = None
    if name not in named and check_regular(layout.root, name, findings):
        meta = read_table(layout, findings)
    if meta is not None:
        _check_against(layout, meta, named, findings)
    files = split_files(layout)
    wanted = expected_files(files, record.listed)
    findings.extra(path for path in files if path not in wanted)
    check_splits(layout, files, record.listed, meta if meta is not None and meta.sound else None, findings)
    return meta


def _check_against(layout: DatasetLayout, meta: Meta, named: Collection[str], findings: Findings) -> None:
    """Hold ``meta.parquet``, which the published dataset lacks, and the patches' places against ``meta.csv``."""
    name = layout.meta_parquet.name
    there = layout.meta_parquet.exists() or layout.meta_parquet.is_symlink()
    if there and name not in named and check_regular(layout.root, name, findings):
        check_parquet(layout, meta, findings)
    if meta.sound:
        check_places(meta, findings)


def _patches(
    layout: DatasetLayout, meta: Meta | None, record: Record, findings: Findings
) -> tuple[pa.Array | None, pa.Array | None, bool]:
    """Return the patches, their classes, and whether they are those of the record, in its order."""
    paths = None
    if record.suffixes is not None:
        try:
            paths = read_paths(layout.checksums)
        except DataError as error:
            findings.altered(layout.checksums.name, str(error))
    if meta is None:
        return paths, None, paths is not None
    if paths is None:
        return meta.paths, meta.classes, False
    if paths.equals(meta.paths):
        return meta.paths, meta.classes, True
    findings.wrong(layout.checksums.name, f"its patches are not those of {layout.meta_csv.name}")
    return paths, None, True


def _batches(plan: _Plan, findings: Findings) -> Iterator[Batch]:
    """Give all patches in batches, with what is recorded of them."""
    start = 0
    if plan.recorded:
        try:
            for piece in read_sums(plan.layout.checksums, BATCH):
                yield _batch(plan, start, len(piece), piece)
                start += len(piece)
        except DataError as error:
            findings.altered(plan.layout.checksums.name, str(error))
    while start < len(plan.paths):
        length = min(BATCH, len(plan.paths) - start)
        yield _batch(plan, start, length, None)
        start += length


def _batch(plan: _Plan, start: int, length: int, piece: pa.RecordBatch | None) -> Batch:
    rows = np.flatnonzero(plan.sound[start : start + length])
    paths, classes = plan.paths.slice(start, length), plan.classes
    return Batch(
        str(plan.layout.root),
        paths.take(rows).to_pylist(),
        plan.suffixes,
        plan.mode,
        None if classes is None else classes.slice(start, length).take(rows).to_pylist(),
        None if piece is None else {suffix: _sums(piece.take(rows), suffix) for suffix in plan.suffixes},
    )


def _sums(piece: pa.RecordBatch, suffix: str) -> Sums:
    sizes, sha256, crc32 = (piece[f"{suffix}_{name}"].to_pylist() for name in ("bytes", "sha256", "crc32"))
    return Sums(sizes, sha256, crc32)
