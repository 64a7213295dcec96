"""What tables and splits say: rows agree with paths, with each other and with the ground."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seasonet_build.verify.findings import Mode
from tests.verify.datasets import Patch, patches, write_dataset, write_sums
from tests.verify.support import problems, verify

MEMBERS = patches(2, ("spring", "winter"))
N = len(MEMBERS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Without a record: what is wrong shows by its meaning alone."""
    return write_dataset(tmp_path / "dataset", MEMBERS, record=False, splits=False)


@pytest.fixture
def dealt(tmp_path: Path) -> Path:
    """With splits: of 16 rows (8 locations), as they are dealt by their cells."""
    return write_dataset(tmp_path / "dealt", MEMBERS, record=False)


def change(file: Path, pattern: str, new: str) -> None:
    text, n = re.subn(pattern, new, file.read_text(), count=1, flags=re.MULTILINE)
    assert n == 1
    file.write_text(text)


# ---------------------------------------------------------------------------------------------------------- meta.csv


@pytest.mark.parametrize(
    ("pattern", "new", "words"),
    [
        (r"^3,", "4,", ("row 3", "Index is not the row number")),
        (r"^3,", "x,", ("row 3", "Index is not the row number")),
        (r"^2,Spring,", "2,Winter,", ("row 2", "Season is not that in Path")),
        (r"^2,Spring,", "2,spring,", ("row 2", "Season is not that in Path")),
        (r"^2,Spring,1,", "2,Spring,2,", ("row 2", "Grid is not that in Path")),
        (r"^(1,Spring,1,\d+\.\d{5})\d", r"\g<1>x", ("row 1", "Latitude is not that in Path")),
        (r"^(1,Spring,1,\d+\.\d{4})", r"\g<1>9", ("row 1", "Latitude is not that in Path")),
        (r"^(1,Spring,1,[\d.]+,)\d", r"\g<1>8", ("row 1", "Longitude is not that in Path")),
        (r"^(1,.*,)A,", r"\1Q,", ("row 1", "Satellite is unknown")),
        (r"^(1,.*,)2018,04,18,", r"\g<1>2018,04,19,", ("row 1", "Year, Month, Day are not those in Path")),
        (r"^(1,.*,)10,40,21,", r"\g<1>10,40,22,", ("row 1", "Hour, Minute, Second are not those in Path")),
        (r'^(1,.*,)0\.0,(0\.0,")', r"\g<1>100.1,\2", ("row 1", "Clouds is no percentage")),
        (r'^(1,.*,0\.0,)0\.0,"', r'\1none,"', ("row 1", "Snow is no percentage")),
        (r'^(1,.*)"[\d,]+"', r'\1"0,4"', ("row 1", "Classes are not labels")),
        (r'^(1,.*)"[\d,]+"', r'\1"5,4"', ("row 1", "Classes are not labels")),
        (r'^(1,.*)"[\d,]+"', r'\1"34"', ("row 1", "Classes are not labels")),
        (r",1,2,3,(spring/\S+)$", r",1,x,3,\1", ("row 0", "RTYP3 is no number")),
        (r"/32UNA_", "/00UNA_", ("row 0", "Path is not that of a patch")),
        (r",spring/grid1/", ",../grid1/", ("row 0", "Path is not that of a patch")),
        (r",spring/grid1/", ",/spring/grid1/", ("row 0", "Path is not that of a patch")),
        (r"^Index,Season", "Index,Saison", ("lacks column Season",)),
        (r"\Z", "1,2\n", ("cannot be read",)),
    ],
)
def test_a_wrong_row_of_meta_is_named(root, pattern, new, words):
    (root / "meta.parquet").unlink()
    change(root / "meta.csv", pattern, new)
    found = [p for p in verify(root, Mode.QUICK).problems if p.path == "meta.csv"]
    assert any(all(word in p.reason for word in words) for p in found), found


def test_rows_with_one_fault_are_counted(root):
    (root / "meta.csv").write_text((root / "meta.csv").read_text().replace(",A,2018", ",Z,2018"))
    spring = sum(patch.season == "spring" for patch in MEMBERS)
    assert problems(root, Mode.QUICK) == {"meta.csv": ("wrong", f"row 0 and {spring - 1} more: Satellite is unknown")}


def test_a_missing_row_leaves_its_files_over(root):
    lines = (root / "meta.csv").read_text().splitlines(keepends=True)
    (root / "meta.csv").write_text("".join(lines[:-1]))
    (root / "meta.parquet").unlink()
    assert problems(root) == dict.fromkeys(MEMBERS[-1].files(), ("extra", ""))


def test_a_path_twice(root):
    lines = (root / "meta.csv").read_text().splitlines(keepends=True)
    (root / "meta.csv").write_text("".join([*lines, re.sub(r"^0,", f"{N},", lines[1])]))
    (root / "meta.parquet").unlink()
    assert problems(root, Mode.QUICK) == {"meta.csv": ("wrong", f"row {N}: Path is that of another row too")}


def test_a_path_leads_nowhere_outside(root, tmp_path):
    """A row that is no path of a patch is named, but nothing outside of the dataset is looked at."""
    (tmp_path / "spring").mkdir()
    change(root / "meta.csv", r",spring/grid1/", ",../spring/grid1/")
    found = problems(root)
    assert found["meta.csv"][0] == "wrong"
    assert not [path for path in found if ".." in path]


def test_other_columns_are_allowed(root):
    head, *lines = (root / "meta.csv").read_text().splitlines()
    (root / "meta.csv").write_text("\n".join([f"{head},More", *(f"{line},1" for line in lines)]) + "\n")
    assert problems(root) == {}


def test_classes_of_a_location_agree(root):
    first = ",".join(map(str, MEMBERS[0].labels))
    change(root / "meta.csv", f'"{first}"', '"33"')
    found = problems(root)
    assert "other images of the location" in found["meta.csv"][1]
    assert "in meta.csv they are 33" in found[MEMBERS[0].files()[4]][1]
    assert len(found) == 2


# ------------------------------------------------------------------------------------------------------ meta.parquet


def test_meta_parquet_has_the_same_rows(root):
    paths = [patch.path for patch in MEMBERS]
    for wrong, words in (
        (paths[:-1], f"has {N - 1} rows"),
        ([*paths[:3], paths[4], paths[3], *paths[5:]], "row 3 and 1 more"),
        ([*paths[:-1], None], f"row {N - 1}"),
    ):
        pq.write_table(pa.table({"Path": wrong}), root / "meta.parquet")
        found = problems(root, Mode.QUICK)
        assert list(found) == ["meta.parquet"]
        assert words in found["meta.parquet"][1]
    pq.write_table(pa.table({"Index": range(N)}), root / "meta.parquet")
    assert problems(root, Mode.QUICK)["meta.parquet"][0] == "altered"
    (root / "meta.parquet").write_bytes(b"PAR1")
    assert problems(root, Mode.QUICK)["meta.parquet"][0] == "altered"


# ------------------------------------------------------------------------------------------------------------ record


def test_a_record_of_other_patches(tmp_path):
    """It is named; patches are held against it all the same."""
    root = write_dataset(tmp_path / "dataset", MEMBERS)
    other = write_dataset(tmp_path / "other", MEMBERS[::-1])
    (other / "checksums.parquet").replace(root / "checksums.parquet")
    write_sums(root)
    assert problems(root) == {"checksums.parquet": ("wrong", "its patches are not those of meta.csv")}


@pytest.mark.parametrize("content", [b"", b"PAR1PAR1", "table"])
def test_what_is_no_record(tmp_path, content):
    root = write_dataset(tmp_path, MEMBERS)
    if content == "table":
        pq.write_table(pa.table({"path": ["a"]}), root / "checksums.parquet")
    else:
        (root / "checksums.parquet").write_bytes(content)
    write_sums(root)
    assert {path: kind for path, (kind, _) in problems(root).items()} == {"checksums.parquet": "altered"}
    assert not verify(root).recorded


def test_a_damaged_list_leaves_the_table_in_use(tmp_path):
    root = write_dataset(tmp_path, MEMBERS)
    (root / "SHA256SUMS").write_text((root / "SHA256SUMS").read_text().replace("meta.csv", "mata.csv"))
    report = verify(root)
    assert {problem.path for problem in report.problems} == {"SHA256SUMS"}
    assert report.recorded
    assert any("SHA256SUMS is of no use" in note for note in report.notes)


# ------------------------------------------------------------------------------------------------------------ ground


def test_patches_of_one_grid_do_not_overlap(tmp_path):
    """The grids overlap each other, and neighbours touch; a patch that is moved by a metre overlaps its neighbour."""
    moved = Patch("spring", 1, 20, 40, east=1)
    neighbour = Patch("winter", 1, 20, 41)
    root = write_dataset(tmp_path, [*MEMBERS, moved, neighbour], record=False, splits=False)
    found = problems(root)
    assert len(found) == 1
    ((path, (kind, reason)),) = found.items()
    assert kind == "wrong"
    assert "overlaps" in reason
    assert {path, reason.rpartition(" ")[2]} == {moved.path, neighbour.path}


def test_one_image_for_each_location_and_season(tmp_path):
    twice = Patch("spring", 1, 20, 30, day="20180425")
    root = write_dataset(tmp_path, [*MEMBERS, twice], record=False, splits=False)
    assert problems(root) == {
        twice.path: ("wrong", f"is of the same location and season set as {MEMBERS[0].path}"),
    }


# ------------------------------------------------------------------------------------------------------------ splits


def rows(root: Path, name: str) -> list[int]:
    return [int(line) for line in (root / "splits" / f"{name}.csv").read_text().splitlines()]


def write(root: Path, name: str, indices: Sequence[int]) -> None:
    (root / "splits" / f"{name}.csv").write_text("".join(f"{row}\n" for row in indices))


def test_sets_have_each_row_once(dealt):
    train, val, test = (rows(dealt, name) for name in ("train", "val", "test"))
    assert sorted(train + val + test) == list(range(N))
    location = [train[0], next(row for row in train[1:] if MEMBERS[row].point == MEMBERS[train[0]].point)]
    without = [row for row in train if row not in location]

    def told(name: str) -> str:
        found = problems(dealt, Mode.QUICK)
        assert [path for path in found if "subsets" not in path] == [name]
        assert found[name][0] == "wrong"
        return found[name][1]

    write(dealt, "train", without)
    assert "row 0 is in none of" in told("splits/")
    write(dealt, "none", location)  # set aside: all is well
    assert "splits/none.csv" not in problems(dealt, Mode.QUICK)
    write(dealt, "test", sorted(test + location))
    assert "is in splits/test.csv too" in told("splits/none.csv")
    (dealt / "splits" / "none.csv").unlink()
    assert "splits/test.csv" not in problems(dealt, Mode.QUICK)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0\n3\n2\n", "line 3: indices do not ascend"),
        ("0\n0\n", "line 2: indices do not ascend"),
        ("0\n-1\n", "line 2: '-1' is no row"),
        ("0\nnine\n", "line 2: 'nine' is no row"),
        (f"0\n{N}\n", f"line 2: '{N}' is no row of meta.csv, which has {N}"),
        ("Index\n0\n", "line 1: 'Index' is no row"),
        ("0\n\n1\n", "line 2: '' is no row"),
        ("0\n½\n", "is no text"),
        ("9" * 30 + "\n", "line 1"),
    ],
)
def test_a_set_is_a_list_of_rows(dealt, text, words):
    (dealt / "splits" / "train.csv").write_text(text)
    found = problems(dealt, Mode.QUICK)
    assert list(found) == ["splits/train.csv"]
    assert found["splits/train.csv"][0] == "wrong"
    assert words in found["splits/train.csv"][1]


def test_a_missing_set_is_named(dealt):
    (dealt / "splits" / "val.csv").unlink()
    assert problems(dealt, Mode.QUICK) == {"splits/val.csv": ("missing", "")}


def test_subsets_are_of_the_same_set(dealt):
    strange = rows(dealt, "test")[0]
    write(dealt, "subsets/grid1/train", [strange])
    found = problems(dealt, Mode.QUICK)
    name = "splits/subsets/grid1/train.csv"
    assert found == {name: ("wrong", f"row {strange} is not in splits/train.csv")}


def test_a_split_of_another_table(dealt):
    (dealt / "splits" / "report.json").write_text(json.dumps({"meta_csv_sha256": "0" * 64}))
    assert problems(dealt, Mode.QUICK)["splits/report.json"][0] == "wrong"
    for text in ("[]", "{", "\xff"):
        (dealt / "splits" / "report.json").write_bytes(text.encode("latin-1"))
        assert problems(dealt, Mode.QUICK) == {"splits/report.json": ("wrong", "cannot be read")}
    (dealt / "splits" / "report.json").write_text("{}")
    assert problems(dealt, Mode.QUICK) == {}


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("sides", [False, True])
def test_there_need_not_be_splits_yet(tmp_path, record, sides):
    root = write_dataset(tmp_path / "dataset", MEMBERS, splits=False, record=False)
    if sides:
        (root / "splits" / "sides.parquet").write_bytes(b"x")
    if record:
        other = write_dataset(tmp_path / "other", MEMBERS)
        (other / "checksums.parquet").replace(root / "checksums.parquet")
        write_sums(root)
    report = verify(root)
    assert report.problems == []
    assert "there are no splits yet" in report.notes


def test_split_files_that_are_not_recorded_are_extra(tmp_path):
    root = write_dataset(tmp_path, MEMBERS)
    write(root, "none", [])
    assert problems(root) == {"splits/none.csv": ("extra", "")}
    write_sums(root)
    assert problems(root) == {}


def test_all_images_of_a_location_are_on_one_side(dealt):
    train, test = rows(dealt, "train"), rows(dealt, "test")
    moved = train[-1]
    write(dealt, "train", train[:-1])
    write(dealt, "test", sorted([*test, moved]))
    found = {path: reason for path, (_, reason) in problems(dealt, Mode.QUICK).items() if "subsets" not in path}
    assert list(found) == ["splits/test.csv"]
    assert f"row {moved} is of the location of row" in found["splits/test.csv"]
