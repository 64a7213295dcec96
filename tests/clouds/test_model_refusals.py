"""Whatever is not a whole model that this program can use is refused, in one line."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seasonet_build.clouds.features import FEATURES_VERSION
from seasonet_build.clouds.model_file import load_model, model_bytes, parse_model
from seasonet_build.clouds.trees import Trees
from seasonet_build.errors import DataError
from tests.clouds.small_model import HEADER, SIDE, USED, Model, small


@pytest.fixture
def model() -> Model:
    return small()


def leads_back(trees: Trees) -> Trees:
    left = trees.left.copy()
    left[int(np.flatnonzero(trees.left > np.arange(len(left)))[1])] = 0
    return replace(trees, left=left)


def with_value(field: str, value: float, where: int = 0) -> Callable[[Trees], Trees]:
    def alter(trees: Trees) -> Trees:
        values = getattr(trees, field).copy()
        values[where] = value
        return replace(trees, **{field: values})

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        leads_back,
        with_value("left", 10**9),
        with_value("left", -1),
        with_value("right", 1),
        with_value("feature", len(USED)),
        with_value("feature", -1),
        with_value("threshold", np.nan),
        with_value("value", np.inf, -1),
        with_value("missing_left", 2),
        with_value("roots", 1),
        with_value("roots", 2**31 - 1, 1),
        with_value("roots", 0, 1),
        lambda trees: replace(trees, roots=trees.roots[:0]),
        lambda trees: replace(trees, value=trees.value[:-1]),
        lambda trees: Trees(*(getattr(trees, name)[:0] for name in trees.__dataclass_fields__)),
    ],
)
def test_trees_that_are_none_are_refused(model: Model, alter: Callable[[Trees], Trees]) -> None:
    with pytest.raises(DataError, match="is no valid model"):
        parse_model(model_bytes(model.header, alter(model.trees)))


@pytest.mark.parametrize(
    "changes",
    [
        {"features": []},
        {"features": [["b13_p05", "reflectance"]] * len(USED)},
        {"features": [["b11_p05", "kelvin"]] * len(USED)},
        {"features": HEADER["features"][:3]},
        {"threshold": float("nan")},
        {"threshold": "high"},
        {"baseline": None},
        {"recall": 0.99},
        {"partition": {"train": SIDE, "test": SIDE}},
        {"partition": {"train": SIDE, "calibration": {**SIDE, "tiles": [7]}, "test": SIDE}},
    ],
)
def test_headers_that_cannot_be_are_refused(model: Model, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="is no valid model"):
        parse_model(model_bytes({**model.header, **changes}, model.trees))


def with_header(content: bytes, **changes: object) -> bytes:
    """The file with another header, and its old check sum."""
    with np.load(io.BytesIO(content)) as file:
        header = {**json.loads(file["header"].tobytes()), **changes}
        arrays = {name: file[name] for name in file.files if name != "header"}
    out = io.BytesIO()
    np.savez(out, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    return out.getvalue()


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def compressed(content: bytes, more: int = 0) -> bytes:
    """A model with its members compressed, one of them larger by so many bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            data = whole.read(name)
            archive.writestr(name, data + bytes(more) if name == "value.npy" else data)
    return out.getvalue()


def boastful(content: bytes) -> bytes:
    """A model one of whose members says that it holds more numbers than it does."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as archive:
        for name in whole.namelist():
            data = whole.read(name)
            header, n = data[:128], len(data[128:]) // 8
            told = header.replace(b"(%d,)" % n, b"(999999999,)")[:127] + b"\n"
            archive.writestr(name, told + data[128:] if name == "value.npy" else data)
    return out.getvalue()


def another_leaf(content: bytes) -> bytes:
    """A model with another number in a leaf, and check sums of the archive that fit."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as archive:
        for name in whole.namelist():
            data = whole.read(name)
            archive.writestr(name, data[:-8] + np.float64(1.5).tobytes() if name == "value.npy" else data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: b"", "no model file"),
        (lambda _: b"id,part,label\n", "no model file"),
        (lambda whole: whole[: len(whole) // 2], "damaged archive"),
        (lambda _: npz(a=np.zeros(3)), "another program"),
        (lambda _: npz(header=np.array([{"format": 1}], dtype=object)), "another program"),
        (lambda _: npz(header=np.frombuffer(b"[" * 100_000, np.uint8)), "another program"),
        (lambda _: npz(header=np.frombuffer(b'{"format": "other"}', np.uint8)), "another program"),
        (lambda whole: with_header(whole, format_version=2), "format version 2"),
        (lambda whole: with_header(whole, features_version=FEATURES_VERSION + 1), "features of version"),
        (lambda whole: with_header(whole, threshold=9.0), "check sum"),
        (another_leaf, "check sum"),
        (compressed, "compressed"),
        (lambda whole: compressed(whole, 1 << 27), "compressed"),
        (boastful, "no value, or no numbers"),
        (lambda whole: whole + bytes(65 << 20), "larger than any model"),
    ],
)
def test_other_files_are_refused_in_one_line(
    model: Model, tmp_path: Path, make: Callable[[bytes], bytes], says: str
) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(make(model.content))
    with pytest.raises(DataError, match=says) as refused:
        load_model(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert any(advice in message for advice in ("clouds train", "train again", "another copy"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.npz", tmp_path / ("long" * 100 + ".npz")):
        with pytest.raises(DataError, match="the model cannot be read"):
            load_model(path)
