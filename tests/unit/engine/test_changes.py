"""What a run changed is told exactly: samples that are new, replaced or removed."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.engine.changes import Changes, compare, keep_changes, kept_changes, read_changes
from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import write_text
from tests.unit.engine.editions import PLAIN, Place, path_of, write_sums
from tests.unit.helpers import modest

WITH_MASKS = (*PLAIN, "mask_easy")

TIME = datetime(2026, 11, 5, 7, 8, 9, tzinfo=UTC)

places = st.tuples(
    st.sampled_from(["spring/grid1", "spring/grid2", "snow/grid1"]),
    st.sampled_from(["32UME", "32UNA"]),
    st.sampled_from(["53_928425_7_503876", "53_928425_7_503877", "47_000001_10_100000"]),
)
times = st.sampled_from(["20180418T104021", "20180508T104021", "20180508T104022"])
tables = st.dictionaries(places, st.tuples(times, st.integers(0, 1), st.integers(0, 1)), max_size=12)


@modest
@given(tables, tables, st.randoms())
def test_changes_are_those_that_a_naive_comparison_finds(tmp_path_factory, was, now, random):
    shuffled = list(now)
    random.shuffle(shuffled)
    folder = tmp_path_factory.mktemp("changes")
    found = compare(
        write_sums(folder / "old", was), write_sums(folder / "new", {place: now[place] for place in shuffled})
    )
    assert not found.first
    assert found.samples == len(now)
    assert set(found.new) == {path_of(p, now[p][0]) for p in now.keys() - was.keys()}
    assert set(found.removed) == {path_of(p, was[p][0]) for p in was.keys() - now.keys()}
    differing = {p for p in now.keys() & was.keys() if now[p] != was[p]}
    assert set(found.replaced) == {(path_of(p, was[p][0]), path_of(p, now[p][0])) for p in differing}
    assert [list(found.new), list(found.removed)] == [sorted(set(found.new)), sorted(set(found.removed))]
    assert list(found.replaced) == sorted(set(found.replaced))
    assert found.any == (was != now)
    told = {"new": len(now.keys() - was.keys()), "replaced": len(differing), "removed": len(was.keys() - now.keys())}
    assert found.counts() == told


SPRING: Place = ("spring/grid1", "32UME", "53_928425_7_503876")
SUMMER: Place = ("summer/grid1", "32UME", "53_928425_7_503876")


def test_a_sample_of_another_scene_is_told_with_both_its_paths(tmp_path):
    old = write_sums(tmp_path / "old", {SPRING: ("20180418T104021", 0, 0), SUMMER: ("20180708T104021", 0, 0)})
    new = write_sums(tmp_path / "new", {SPRING: ("20180508T104021", 0, 0), SUMMER: ("20180708T104021", 0, 0)})
    was, now = (f"spring/grid1/32UME_{day}T104021_53_928425_7_503876" for day in ("20180418", "20180508"))
    assert compare(old, new) == Changes(2, first=False, replaced=((was, now),))


@pytest.mark.parametrize("versions", [(1, 0), (0, 1)])
def test_a_sample_with_one_file_of_other_bytes_is_replaced_at_the_same_path(tmp_path, versions):
    old = write_sums(tmp_path / "old", {SPRING: ("20180418T104021", 0, 0)})
    new = write_sums(tmp_path / "new", {SPRING: ("20180418T104021", *versions)})
    path = "spring/grid1/32UME_20180418T104021_53_928425_7_503876"
    assert compare(old, new).replaced == ((path, path),)


def test_a_first_edition_says_so_and_lists_nothing(tmp_path):
    new = write_sums(tmp_path / "new", {SPRING: ("20180418T104021", 0, 0), SUMMER: ("20180708T104021", 0, 0)})
    found = compare(DatasetLayout(tmp_path / "old"), new)
    assert found == Changes(2, first=True)
    assert found.any
    assert found.counts() == {"new": 2, "replaced": 0, "removed": 0}


@pytest.mark.parametrize(("before", "after"), [(PLAIN, WITH_MASKS), (WITH_MASKS, PLAIN)])
def test_all_samples_are_replaced_where_masks_are_switched_on_or_off(tmp_path, before, after):
    samples = {SPRING: ("20180418T104021", 0, 0), SUMMER: ("20180708T104021", 0, 0)}
    old = write_sums(tmp_path / "old", samples, before)
    new = write_sums(
        tmp_path / "new", {**samples, ("fall/grid1", "32UME", "1_2_3_4"): ("20181001T104021", 0, 0)}, after
    )
    found = compare(old, new)
    paths = [path_of(place, time) for place, (time, *_) in samples.items()]
    assert found.replaced == tuple((path, path) for path in paths)
    assert found.new == ("fall/grid1/32UME_20181001T104021_1_2_3_4",)
    assert found.removed == ()


@pytest.mark.parametrize("suffixes", [PLAIN, WITH_MASKS])
def test_tables_without_a_row(tmp_path, suffixes):
    empty, other = write_sums(tmp_path / "empty", {}, suffixes), write_sums(tmp_path / "other", {})
    one = write_sums(tmp_path / "one", {SPRING: ("20180418T104021", 0, 0)})
    path = "spring/grid1/32UME_20180418T104021_53_928425_7_503876"
    assert not compare(empty, other).any
    assert compare(empty, one) == Changes(1, first=False, new=(path,))
    assert compare(one, empty) == Changes(0, first=False, removed=(path,))


def test_an_old_table_that_cannot_be_read_is_like_none(tmp_path):
    old, new = (write_sums(tmp_path / name, {SPRING: ("20180418T104021", 0, 0)}) for name in ("old", "new"))
    old.checksums.write_bytes(b"junk")
    assert compare(old, new) == Changes(1, first=True)


@pytest.mark.parametrize("damage", [b"", b"junk"])
def test_a_new_table_that_cannot_be_read_is_an_error(tmp_path, damage):
    old, new = (write_sums(tmp_path / name, {SPRING: ("20180418T104021", 0, 0)}) for name in ("old", "new"))
    new.checksums.write_bytes(damage)
    with pytest.raises(DataError, match=str(new.checksums)):
        compare(old, new)


# --------------------------------------------------------------------------------------------------------- as a file


def keep(changes: Changes, time: datetime, folder: Path) -> None:
    text = changes.text("small", time)
    write_text(folder / "pending" / "changes.json", text)
    keep_changes(folder / "pending" / "changes.json", folder)


def test_changes_are_kept_in_a_file_named_after_their_time(tmp_path):
    changes = Changes(7, first=False, new=("a", "b"), replaced=(("c", "d"), ("e", "e")), removed=("f",))
    keep(changes, TIME.astimezone(timezone(timedelta(hours=5))), tmp_path / "changes")
    (file,) = kept_changes(tmp_path / "changes")
    assert file == tmp_path / "changes" / "2026-11-05T07-08-09Z.json"
    assert read_changes(file) == {
        "time": "2026-11-05T07-08-09Z",
        "dataset": "small",
        "samples": 7,
        "first": False,
        "counts": {"new": 2, "replaced": 2, "removed": 1},
        "new": ["a", "b"],
        "replaced": [{"from": "c", "to": "d"}, {"from": "e", "to": "e"}],
        "removed": ["f"],
    }


def test_files_of_changes_are_listed_the_oldest_first(tmp_path):
    days = [timedelta(days=40), timedelta(0), timedelta(days=-400), timedelta(seconds=1)]
    for later in days:
        keep(Changes(1, first=True), TIME + later, tmp_path)
    # What a run leaves that is killed while it writes is none of them.
    (tmp_path / "2026-11-05T07-08-09Z.part.json").write_text("{")
    assert [read_changes(file)["time"] for file in kept_changes(tmp_path)] == [
        f"{TIME + later:%Y-%m-%dT%H-%M-%SZ}" for later in sorted(days)
    ]
    assert kept_changes(tmp_path / "none") == []


def test_changes_that_are_kept_twice_are_one_file(tmp_path):
    for _ in range(2):
        keep(Changes(1, first=True), TIME, tmp_path)
    assert len(kept_changes(tmp_path)) == 1


GARBAGE = ["", "{", "[]", "null", "{}", '{"time": 5}', '{"time": "yesterday"}', '{"time": "../../x"}']


@pytest.mark.parametrize("text", [*GARBAGE, Changes(1, first=True).text("small", TIME)[:-3], "\udcff"])
def test_damaged_changes_are_not_kept(tmp_path, text):
    file = tmp_path / "changes.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=rf"{file}: .*delete it and run again"):
        keep_changes(file, tmp_path / "changes")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("data", [*map(str.encode, GARBAGE), b"\xff\xfe", b'{"counts": {"new": 1, "removed": 1}}'])
def test_a_damaged_file_of_changes_is_named(tmp_path, data):
    file = tmp_path / "2026-11-05T07-08-09Z.json"
    for there in (True, False):
        file.write_bytes(data) if there else file.unlink()
        with pytest.raises(DataError, match=str(file)):
            read_changes(file)


@pytest.mark.parametrize("count", [None, "x", [1], float("inf"), float("nan")])
def test_a_count_that_is_no_number_is_damage(tmp_path, count):
    file = tmp_path / "2026-11-05T07-08-09Z.json"
    file.write_text(json.dumps({"counts": {"new": count, "replaced": 0, "removed": 0}}))
    with pytest.raises(DataError, match=str(file)):
        read_changes(file)


def test_two_changes_of_one_second_are_two_files_in_order(tmp_path):
    texts = [Changes(n, first=True).text("small", datetime(2026, 11, 22, 21, 48, 6, tzinfo=UTC)) for n in (1, 2, 3)]
    for text in (*texts, texts[1]):  # the last one as after an interruption
        write_text(tmp_path / "pending.json", text)
        keep_changes(tmp_path / "pending.json", tmp_path / "changes")
    assert [read_changes(file)["samples"] for file in kept_changes(tmp_path / "changes")] == [1, 2, 3]
