"""What is in the files of patches: values that cannot be are found, whatever wrote the file."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from seasonet_build.verify.findings import Mode
from tests.verify.datasets import IMAGES, MASKS, patches, write_dataset
from tests.verify.support import problems, verify

MEMBERS = patches(1, ("spring", "snow"))
PATCH = MEMBERS[0]
FILES = dict(zip((*IMAGES, "labels", *MASKS), PATCH.files((*IMAGES, "labels", *MASKS)), strict=True))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Datasets with masks, with a record and without."""
    folder = tmp_path_factory.mktemp("values")
    return {record: write_dataset(folder / str(record), MEMBERS, masks=True, record=record) for record in (True, False)}


@pytest.fixture
def root(clean: dict[bool, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean[False], tmp_path / "dataset"))


@pytest.fixture
def recorded(clean: dict[bool, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean[True], tmp_path / "recorded"))


def rewrite(file: Path, pixels: Any = None, **changes: Any) -> None:
    """Write a file anew with rasterio, with other pixels, shape (bands, height, width), or another profile."""
    with rasterio.open(file) as source:
        profile, own, names = source.profile, source.read(), source.descriptions
    names = changes.pop("names", names)
    pixels = own if pixels is None else pixels(own) if callable(pixels) else pixels
    height, width = pixels.shape[1:]
    profile |= {"count": len(pixels), "height": height, "width": width, "dtype": pixels.dtype.name, "compress": "none"}
    for key in ("blockxsize", "blockysize", "tiled"):
        profile.pop(key, None)
    with rasterio.open(file, "w", **{**profile, **changes}) as target:
        target.write(pixels)
        if names is not None and len(names) == len(pixels):
            target.descriptions = names


def put(value: int) -> Any:
    def change(pixels: Any) -> Any:
        changed = pixels.copy()
        changed[0, 5, 5] = value
        return changed

    return change


def zeros(n: int) -> Any:
    """The first n pixels of the last band are 0."""

    def change(pixels: Any) -> Any:
        changed = pixels.copy()
        changed[-1].ravel()[:n] = 0
        return changed

    return change


@pytest.mark.parametrize("suffix", sorted(FILES))
def test_the_same_pixels_may_be_packed_in_another_way(root, recorded, suffix):
    for folder in (root, recorded):
        rewrite(folder / FILES[suffix], compress="deflate", tiled=True, blockxsize=16, blockysize=16, names=None)
    assert problems(root) == problems(root, Mode.PIXELS) == {}
    assert problems(recorded, Mode.PIXELS) == {}
    kind, reason = problems(recorded)[FILES[suffix]]
    assert (kind, "recorded" in reason) == ("altered", True)


@pytest.mark.parametrize(
    ("suffix", "changes", "words"),
    [
        ("labels", {"pixels": put(34)}, "has the value 34"),
        ("labels", {"pixels": put(255)}, "has the value 255"),
        ("labels", {"pixels": put(17)}, "in meta.csv they are"),
        ("mask_easy", {"pixels": put(2)}, "has the value 2"),
        ("clouds", {"pixels": put(9)}, "has the value 9"),
        ("10m_RGB", {"pixels": lambda p: p[:2]}, "has 2 x 120 x 120"),
        ("10m_IR", {"pixels": lambda p: np.concatenate([p, p])}, "has 2 x 120 x 120"),
        ("20m", {"pixels": lambda p: p[:, :, :59]}, "has 6 x 60 x 59"),
        ("60m", {"pixels": lambda p: p.repeat(2, axis=1)}, "has 2 x 40 x 20"),
        ("60m", {"pixels": lambda p: p.astype("int16")}, "holds int16"),
        ("labels", {"pixels": lambda p: p.astype("uint16")}, "holds uint16"),
        ("labels", {"pixels": lambda p: p.astype("float32")}, "holds float32"),
        ("20m", {"nodata": 0}, "no data"),
        ("labels", {"nodata": 0}, "no data"),
        ("10m_RGB", {"crs": "EPSG:32631"}, "EPSG:32632"),
        ("10m_RGB", {"crs": "EPSG:25832"}, "EPSG:32632"),
        ("10m_RGB", {"crs": None}, "EPSG:32632"),
        ("20m", {"transform": Affine(20, 0, PATCH.corner[0] + 20, 0, -20, PATCH.corner[1])}, "transform"),
        ("20m", {"transform": Affine(10, 0, PATCH.corner[0], 0, -10, PATCH.corner[1])}, "transform"),
        ("20m", {"transform": Affine(20, 0, PATCH.corner[0], 0, 20, PATCH.corner[1])}, "transform"),
        ("60m", {"transform": Affine(60, 0, PATCH.corner[0], 0, -60, PATCH.corner[1] + 0.5)}, "transform"),
        ("10m_RGB", {"names": ("B02", "B03", "B04")}, "its bands are B02, B03, B04"),
        ("10m_RGB", {"pixels": zeros(120 * 120)}, "B02 is 0 (no data) in 14400"),
        ("20m", {"pixels": zeros(37)}, "B12 is 0 (no data) in 37 of 3600"),
        ("60m", {"pixels": zeros(5)}, "B09 is 0 (no data) in 5 of 400"),
    ],
)
def test_what_cannot_be_is_found(root, suffix, changes, words):
    rewrite(root / FILES[suffix], **changes)
    found = problems(root)
    assert found == problems(root, Mode.PIXELS)
    assert list(found) == [FILES[suffix]]
    kind, reason = found[FILES[suffix]]
    assert kind == "wrong"
    assert words in reason


def test_some_pixels_may_be_without_data(root):
    rewrite(root / FILES["20m"], zeros(36))
    rewrite(root / FILES["60m"], zeros(4))
    assert problems(root) == {}


def test_several_things_wrong_with_a_file_are_told_together(root):
    rewrite(root / FILES["60m"], zeros(400), crs="EPSG:32633", nodata=7)
    ((path, (_, reason)),) = problems(root).items()
    assert path == FILES["60m"]
    assert reason.count(";") == 2


@pytest.mark.parametrize("mode", [Mode.BYTES, Mode.PIXELS])
@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0" + bytes(100), "cut", "png"])
def test_what_cannot_be_decoded_is_altered(root, recorded, mode, content):
    for folder in (root, recorded):
        file = folder / FILES["20m"]
        if content == "png":
            with rasterio.open(folder / FILES["labels"]) as source:
                labels = source.read()
            with rasterio.open(file, "w", driver="PNG", count=1, height=120, width=120, dtype="uint8") as target:
                target.write(labels)
        else:
            file.write_bytes(file.read_bytes()[:-1] if isinstance(content, str) else content)
        found = problems(folder, mode)
        assert list(found) == [FILES["20m"]]
        assert found[FILES["20m"]][0] == "altered"
    # Sizes alone do not tell without a record.
    assert problems(root, Mode.QUICK) == {}


def test_files_of_another_patch(root, recorded):
    """Whole files in the wrong place: their place on the ground tells, and in a record their bytes."""
    other = MEMBERS[1].files(["10m_IR"])[0]
    for folder in (root, recorded):
        shutil.copy(folder / other, folder / FILES["10m_IR"])
    assert problems(root)[FILES["10m_IR"]][0] == "wrong"
    assert problems(recorded)[FILES["10m_IR"]][0] == "altered"
    assert problems(recorded, Mode.PIXELS)[FILES["10m_IR"]][0] == "altered"


def test_pixels_are_held_against_the_record(recorded):
    rewrite(recorded / FILES["10m_RGB"], put(77))
    assert problems(recorded, Mode.PIXELS) == {
        FILES["10m_RGB"]: ("altered", "the check sum of its pixels is not the recorded one")
    }


def test_quick_reads_no_file_of_a_patch(recorded):
    """Not even one that is damaged: only its size counts."""
    file = recorded / FILES["10m_RGB"]
    file.write_bytes(bytes(file.stat().st_size))
    assert problems(recorded, Mode.QUICK) == {}
    file.write_bytes(file.read_bytes() + b"x")
    kind, reason = problems(recorded, Mode.QUICK)[FILES["10m_RGB"]]
    assert kind == "altered"
    assert "bytes" in reason
    assert verify(recorded, Mode.QUICK).recorded
