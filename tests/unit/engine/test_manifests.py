"""When a unit of work counts as done."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.storage import write_text, written_file
from tests.unit.helpers import modest


def make_store(folder: Path) -> ManifestStore:
    return ManifestStore(folder / "state", {"workspace": folder, "dataset": folder / "dataset"})


def record(store: ManifestStore, *files: Path, unit: str = "32ULV", fingerprint: str = "f") -> Manifest:
    manifest = Manifest("label", unit, fingerprint, store.outputs(map(written_file, files)), {"n": 3, "ä": [1.5, None]})
    store.write(manifest)
    return manifest


@pytest.fixture
def done(tmp_path) -> tuple[ManifestStore, Path]:
    """A unit that wrote one file."""
    write_text(tmp_path / "labels" / "a.tif", "pixels")
    store = make_store(tmp_path)
    record(store, tmp_path / "labels" / "a.tif")
    return store, tmp_path / "labels" / "a.tif"


def test_what_is_recorded_is_read(tmp_path):
    write_text(tmp_path / "dataset" / "meta.csv", "x")
    write_text(tmp_path / "labels" / "a.tif", "pixels")
    store = make_store(tmp_path)
    manifest = record(store, tmp_path / "dataset" / "meta.csv", tmp_path / "labels" / "a.tif")
    assert store.read("label", "32ULV") == manifest
    assert store.find_done("label", "32ULV", "f") == manifest
    assert [output.path for output in manifest.outputs] == ["dataset:meta.csv", "workspace:labels/a.tif"]
    assert [store.full_path(o) for o in manifest.outputs] == [
        tmp_path / "dataset" / "meta.csv",
        tmp_path / "labels" / "a.tif",
    ]


def test_a_unit_whose_output_vanished_is_not_done(done):
    store, file = done
    file.unlink()
    assert store.find_done("label", "32ULV", "f") is None
    file.parent.rmdir()
    assert store.find_done("label", "32ULV", "f") is None


@pytest.mark.parametrize("content", ["", "pixel", "pixels!"])
def test_a_unit_whose_output_changed_its_size_is_not_done(done, content):
    store, file = done
    file.write_text(content)
    assert store.find_done("label", "32ULV", "f") is None


def test_a_unit_with_other_inputs_is_not_done(done):
    store, _ = done
    assert store.find_done("label", "32ULV", "g") is None
    assert store.find_done("label", "32ULA", "f") is None
    assert store.find_done("observe", "32ULV", "f") is None


def test_a_moved_workspace_is_still_done(done, tmp_path):
    store, _ = done
    manifest = store.read("label", "32ULV")
    moved = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    assert make_store(moved).find_done("label", "32ULV", "f") == manifest


@modest
@given(st.data())
def test_a_manifest_cut_short_is_not_done(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("manifest")
    store = make_store(folder)
    record(store)
    (file,) = (folder / "state").rglob("*.json")
    whole = file.read_bytes()
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 3))])
    assert store.find_done("label", "32ULV", "f") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@modest
@given(json_values)
def test_other_json_is_not_done(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("manifest")
    write_text(folder / "state" / "label" / "32ULV.json", json.dumps(value))
    assert make_store(folder).find_done("label", "32ULV", "f") is None


@modest
@given(st.sampled_from(["format", "fingerprint", "outputs", "result"]), json_values)
def test_a_manifest_with_an_odd_entry_does_not_count_wrongly(tmp_path_factory, key, value):
    folder = tmp_path_factory.mktemp("manifest")
    write_text(folder / "a", "x")
    store = make_store(folder)
    record(store, folder / "a")
    file = folder / "state" / "label" / "32ULV.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, key: value}))
    found = store.find_done("label", "32ULV", "f")
    if key in ("format", "fingerprint") and value != content[key]:
        assert found is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0" * 100, b"{", b"[]", b"null"])
def test_garbage_is_not_done(done, content):
    store, _ = done
    (file,) = store.folder.rglob("*.json")
    file.write_bytes(content)
    assert store.read("label", "32ULV") is None
    # And it may be written again.
    record(store)
    assert store.find_done("label", "32ULV", "f") is not None


def test_units_are_listed_and_forgotten(tmp_path):
    store = make_store(tmp_path)
    for unit in ("b", "a", "S2A_x.SAFE.0123abcd"):
        record(store, unit=unit)
    assert store.units("label") == ["S2A_x.SAFE.0123abcd", "a", "b"]
    store.forget("label", "a")
    store.forget("label", "a")
    assert store.units("label") == ["S2A_x.SAFE.0123abcd", "b"]
    assert store.units("cut") == []


def test_files_outside_cannot_be_recorded(tmp_path):
    write_text(tmp_path / "elsewhere" / "a", "x")
    store = ManifestStore(tmp_path / "state", {"workspace": tmp_path / "workspace"})
    with pytest.raises(ValueError, match="lies in none of"):
        record(store, tmp_path / "elsewhere" / "a")
