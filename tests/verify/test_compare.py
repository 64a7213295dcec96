"""Two datasets side by side, by sizes, bytes or pixels; neither needs a record."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import rasterio

from seasonet_build.verify.compare import Comparison, compare_datasets
from seasonet_build.verify.findings import Mode
from tests.verify.damage import Damage
from tests.verify.datasets import patches, write_dataset
from tests.verify.support import no_progress
from tests.verify.test_verify_values import put, rewrite

MEMBERS = patches(2, ("spring", "winter"))
FIRST, SECOND = MEMBERS[:2]
MODES = list(Mode)


@pytest.fixture(params=[False, True], ids=["plain", "recorded"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "here", MEMBERS, record=request.param)


@pytest.fixture
def there(here: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(here, tmp_path / "there"))


def compare(here: Path, there: Path, mode: Mode = Mode.BYTES) -> Comparison:
    return compare_datasets(here, there, mode, 1, no_progress)


def named(comparison: Comparison) -> dict[str, set[str]]:
    return {
        "here": set(comparison.only_here),
        "there": set(comparison.only_there),
        "different": {path for path, _ in comparison.different},
    }


NOTHING: dict[str, set[str]] = {"here": set(), "there": set(), "different": set()}


@pytest.mark.parametrize("mode", MODES)
def test_copies_are_the_same(here, there, mode):
    for name in (".seasonet-build.json", ".lock"):
        (there / name).write_text("other")
    comparison = compare(here, there, mode)
    assert comparison.same
    assert named(comparison) == NOTHING
    assert comparison.patches == len(MEMBERS)
    assert comparison.files >= 5 * len(MEMBERS) + 2


@pytest.mark.parametrize("mode", MODES)
def test_what_only_one_has_is_named(here, there, mode):
    shutil.rmtree(here / FIRST.path)
    (there / SECOND.files()[0]).unlink()
    shutil.rmtree(there / "snow")
    (there / "splits" / "val.csv").unlink()
    (here / "more").mkdir()
    (there / "fall" / "grid1" / "x").mkdir()
    (there / "note.txt").write_text("x")
    assert named(compare(here, there, mode)) == {
        "here": {SECOND.files()[0], "snow/grid1/", "snow/grid2/", "splits/val.csv", "more/"},
        "there": {*FIRST.files(), "fall/grid1/x/", "note.txt"},
        "different": set(),
    }


def test_flips_are_found_by_bytes_and_sizes_by_size(here, there):
    damage = Damage(there, 5)
    for path in (FIRST.files()[0], SECOND.files()[4]):
        damage.flip(path)
    damage.truncate(SECOND.files()[1])
    assert named(compare(here, there)) == {**NOTHING, "different": damage.named}
    assert named(compare(here, there, Mode.QUICK)) == {**NOTHING, "different": damage.truncated}
    assert named(compare(there, here)) == named(compare(here, there))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["meta.csv", "splits/train.csv", "splits/report.json", "splits/subsets/grid1/train.csv"]
)
def test_tables_and_splits_are_compared_by_bytes_in_any_mode(here, there, mode, name):
    Damage(there, 5).flip(name)
    assert named(compare(here, there, mode)) == {**NOTHING, "different": {name}}


def test_pixels_may_be_packed_in_another_way(here, there):
    for patch in MEMBERS:
        for file in patch.files():
            rewrite(there / file, compress="deflate", names=None)
    table = pq.read_table(there / "meta.parquet")
    pq.write_table(table, there / "meta.parquet", compression="none")
    for name in ("checksums.parquet", "SHA256SUMS"):
        if (there / name).exists():
            (there / name).write_bytes(b"of other bytes")
    assert named(compare(here, there, Mode.PIXELS)) == NOTHING
    assert {file for patch in MEMBERS for file in patch.files()} <= named(compare(here, there))["different"]


def test_pixels_and_places_are_compared(here, there):
    changed, moved, other_zone, fewer, broken = FIRST.files()
    rewrite(there / changed, put(77))
    with rasterio.open(there / moved, "r+") as file:
        file.transform = file.transform @ file.transform.translation(1, 0)
    rewrite(there / other_zone, crs="EPSG:32633")
    rewrite(there / fewer, lambda pixels: pixels[:1], names=None)
    (there / broken).write_bytes(b"x")
    table = pq.read_table(there / "meta.parquet")
    pq.write_table(table.slice(1), there / "meta.parquet")
    comparison = compare(here, there, Mode.PIXELS)
    reasons = dict(comparison.different)
    assert named(comparison) == {**NOTHING, "different": {*FIRST.files(), "meta.parquet"}}
    assert reasons[changed] == "1 of 43200 values differ"
    assert "transform" in reasons[moved]
    assert "coordinate system" in reasons[other_zone]
    assert "bands" in reasons[fewer]
    assert "cannot be decoded" in reasons[broken]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_file_is_different(here, there, mode):
    file, other = FIRST.files()[:2]
    (there / file).unlink()
    (there / file).symlink_to(here / file)
    (there / other).unlink()
    (there / other).mkdir()
    found = named(compare(here, there, mode))
    assert found["different"] == {file}
    assert (found["here"], found["there"]) == ({other}, {f"{other}/"})


def test_an_interrupted_run_is_noted(here, there):
    (there / ".staging").mkdir()
    comparison = compare(here, there)
    assert comparison.same
    assert any(str(there) in note for note in comparison.notes)
