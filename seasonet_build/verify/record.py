"""The record of a dataset: ``SHA256SUMS`` and ``checksums.parquet``, and the files that the list names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from seasonet_build.errors import DataError
from seasonet_build.model.checksums import parse_sums, suffixes_of
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import file_digest
from seasonet_build.verify.files import odd_kind, unreadable
from seasonet_build.verify.findings import Findings


@dataclass(frozen=True)
class Record:
    """What is recorded of a dataset.

    Attributes:
        listed: the files in ``SHA256SUMS``; None: there is no list, or it is damaged.
        suffixes: the files of a patch, such as ``10m_RGB``; None: there is no table of check sums that can be used.
    """

    listed: frozenset[str] | None
    suffixes: tuple[str, ...] | None


def read_record(layout: DatasetLayout, findings: Findings) -> Record:
    """Read the list of check sums, hold the files in it against it, and open the table of check sums."""
    digests = _read_list(layout, findings)
    for path, digest in sorted((digests or {}).items()):
        _check_listed(layout, path, digest, findings)
    name, list_name = layout.checksums.name, layout.sums.name
    there, list_there = _exists(layout.checksums), _exists(layout.sums)
    if there and not list_there:
        findings.missing(list_name)
    if list_there and not there:
        findings.missing(name)
    if digests is not None:
        for needed in (layout.meta_csv.name, *([name] if there else [])):
            if needed not in digests:
                findings.wrong(list_name, f"does not list {needed}")
    elif there:
        findings.notes.append(f"{list_name} is of no use: tables and splits were checked by what they say only")
    usable = there and name not in findings.named()
    suffixes = _open_table(layout, findings) if usable else None
    return Record(None if digests is None else frozenset(digests), suffixes)


def read_sums(file: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Give the table of check sums in pieces of at most ``rows`` patches.

    Raises:
        DataError: it cannot be read.
    """
    try:
        yield from pq.ParquetFile(file).iter_batches(rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot be read: {_first_line(error)}") from None


def read_paths(file: Path) -> pa.Array:
    """Return the paths in a table of check sums.

    Raises:
        DataError: it cannot be read.
    """
    try:
        column = pq.read_table(file, columns=["path"])["path"].combine_chunks()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot be read: {_first_line(error)}") from None
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def check_regular(root: Path, path: str, findings: Findings) -> bool:
    """Tell whether there is a regular file; name it if there is none."""
    try:
        odd = odd_kind((root / path).lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        findings.missing(path)
        return False
    except OSError as error:
        findings.altered(path, unreadable(error))
        return False
    if odd is not None:
        findings.altered(path, odd)
    return odd is None


def _read_list(layout: DatasetLayout, findings: Findings) -> dict[str, str] | None:
    name = layout.sums.name
    if not _exists(layout.sums) or not check_regular(layout.root, name, findings):
        return None
    try:
        return parse_sums(layout.sums.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        findings.altered(name, "is no text")
    except DataError as error:
        findings.altered(name, str(error))
    except OSError as error:
        findings.altered(name, unreadable(error))
    return None


def _check_listed(layout: DatasetLayout, path: str, digest: str, findings: Findings) -> None:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        findings.wrong(layout.sums.name, f"lists {path}, which lies outside of the dataset")
        return
    if not check_regular(layout.root, path, findings):
        return
    try:
        found = file_digest(layout.root / path)
    except OSError as error:
        findings.altered(path, unreadable(error))
        return
    if found != digest:
        findings.altered(path, f"its SHA-256 is not that in {layout.sums.name}")


def _open_table(layout: DatasetLayout, findings: Findings) -> tuple[str, ...] | None:
    name = layout.checksums.name
    if not check_regular(layout.root, name, findings):
        return None
    try:
        return tuple(suffixes_of(pq.read_schema(layout.checksums)))
    except DataError as error:
        findings.altered(name, str(error))
    except (pa.ArrowException, OSError, ValueError) as error:
        findings.altered(name, f"cannot be read: {_first_line(error)}")
    return None


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _first_line(error: Exception) -> str:
    return (str(error) or repr(error)).splitlines()[0]
