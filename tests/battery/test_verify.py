"""Thousands of files, hundreds of them damaged: verify names each of those and no other.

A run of the tests does one round on 10 000 files and a number of damages to each table; ``SEASONET_BATTERY=full`` does
more of both, and decodes all 10 000.
"""

import random
from pathlib import Path

import numpy as np
import pytest
import rasterio

from seasonet_build.verify.findings import Mode, Report
from tests.battery.conftest import Record
from tests.verify.damage import Damage
from tests.verify.datasets import SUFFIXES, Patch, patches, pixels_of, write_dataset
from tests.verify.support import verify

pytestmark = pytest.mark.xdist_group("verify-battery")

SHARES = {"flip": 160, "truncate": 80, "delete": 60, "swap": 40}
ADDED = 60
FOLDERS = 8


@pytest.fixture(scope="module")
def members() -> list[Patch]:
    return patches(16)[:2000]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, members: list[Patch]) -> Path:
    """A dataset of 2 000 patches, 10 000 files."""
    return write_dataset(tmp_path_factory.mktemp("verify") / "dataset", members)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 16 patches, for damage to its tables."""
    return write_dataset(tmp_path_factory.mktemp("verify") / "dataset", patches(2, ("spring", "snow")))


def named(report: Report) -> set[str]:
    return {problem.path for problem in report.problems}


def damage(root: Path, members: list[Patch], seed: int, part: float = 1) -> Damage:
    """Damage files of patches in every way, some hundred at once."""
    result = Damage(root, seed)
    draw = random.Random(seed)
    gone = draw.sample(members, round(FOLDERS * part))
    left = [patch for patch in members if patch not in set(gone)]
    for patch in gone:
        result.delete_folder(patch.path)
    result.spread((file for patch in left for file in patch.files()), {k: round(n * part) for k, n in SHARES.items()})
    for number, patch in enumerate(draw.sample(left, round(ADDED * part))):
        season, grid, name = patch.path.split("/")
        result.add(
            (
                f"{patch.path}/{name}_10m_RGB.tif.aux.xml",
                f"{patch.path}/.hidden-{number}",
                f"{patch.path}/{name}_20m (copy).tif",
                f"{patch.path}/more/{number}/note.txt",
                f"{season}/{grid}/{name}.zip",
                f"{season}/{grid}/{name[:-1]}x/{name}_20m.tif",
                f"{season}/grid3/{name}/{name}_20m.tif",
                f"{season}/note-{number}.txt",
                f"splits/note-{number}.csv",
                f"note-{number}.txt",
                f"folder-{number}/note.txt",
            )[number % 11]
        )
    return result


def other_pixels(root: Path, members: list[Patch], paths: set[str]) -> set[str]:
    """The files that cannot be decoded, or to other pixels than they had."""
    by_file = {file: (patch, suffix) for patch in members for file, suffix in zip(patch.files(), SUFFIXES, strict=True)}
    found = set()
    for path in sorted(paths):
        try:
            with rasterio.open(root / path) as file:
                pixels = np.moveaxis(file.read(), 0, -1)
        except Exception:
            found.add(path)
            continue
        if not np.array_equal(pixels, pixels_of(*by_file[path])):
            found.add(path)
    return found


def test_every_damaged_file_is_named_and_no_other(big: Path, members: list[Patch], full: bool, record: Record) -> None:
    for seed in range(10 if full else 1):
        done = damage(big, members, seed)
        report = verify(big, Mode.BYTES)
        assert named(report) == done.named
        assert {p.path for p in report.problems if p.kind == "missing"} == done.deleted
        assert {p.path for p in report.problems if p.kind == "extra"} == done.added
        assert {p.path for p in report.problems if p.kind == "altered"} == (
            done.flipped | done.truncated | done.swapped
        )
        assert named(verify(big, Mode.QUICK)) == done.seen_by_size
        record(7, "10 000 files, by bytes", seed=seed, damaged=len(done.named), found=len(done.named), false_alarms=0)
        done.mend()
    assert named(verify(big, Mode.QUICK)) == set()


def test_pixels_tell_every_file_that_decodes_to_others(
    big: Path, tmp_path: Path, members: list[Patch], full: bool, record: Record
) -> None:
    few = members if full else members[:200]
    root = big if full else write_dataset(tmp_path / "dataset", few)
    assert named(verify(root, Mode.PIXELS)) == set()
    for seed in range(10 if full else 1):
        done = damage(root, few, seed, part=1 if full else 0.25)
        found = named(verify(root, Mode.PIXELS))
        must = done.seen_by_size | done.swapped | other_pixels(root, few, done.flipped)
        assert must <= found <= done.named
        record(7, "by pixels", seed=seed, damaged=len(done.named), must=len(must), found=len(found), false_alarms=0)
        done.mend()


def test_of_damaged_tables_only_they_are_named(small: Path, full: bool, record: Record) -> None:
    assert verify(small, Mode.BYTES).problems == []
    tables = sorted(
        path.relative_to(small).as_posix()
        for path in (*small.glob("*.*"), small / "SHA256SUMS", *(small / "splits").rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.stat().st_size
    )
    assert {"meta.csv", "meta.parquet", "checksums.parquet", "SHA256SUMS", "splits/train.csv"} <= set(tables)
    count = 0
    for seed in range(200 if full else 6):
        for path in tables:
            for kind in ("flip", "truncate", "delete"):
                if kind == "delete" and seed:
                    continue
                done = Damage(small, seed)
                getattr(done, kind)(path)
                assert named(verify(small, Mode.QUICK)) == done.named, (path, kind, seed)
                done.mend()
                count += 1
    for path, other in (("splits/train.csv", "splits/val.csv"), ("meta.csv", "SHA256SUMS")):
        done = Damage(small, 0)
        done.swap(path, other)
        assert named(verify(small, Mode.BYTES)) == done.named
        done.mend()
        count += 1
    record(7, "tables, one at a time", damaged=count, found=count, false_alarms=0)
    assert verify(small, Mode.BYTES).problems == []
