"""Products damaged in every way we could think of: none may become a patch where a checksum is known.

Each case damages a copy of a whole product, inspects it and, where that finds nothing, cuts all its patches. What can
come of it: refused (by inspection or while cutting), harmless (the patches are those of the whole product), or silent
(the patches differ and nobody noticed). With checksums everything must be refused; without them, whatever is cut off,
missing or zeroed; single flipped bits cannot be seen without a checksum and are only counted.
"""

import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from seasonet_build.demo.safe import SyntheticProduct, write_product
from seasonet_build.errors import ProductError
from seasonet_build.model.bands import BAND_RESOLUTION
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.raster.geotiff import Compression
from seasonet_build.sources.integrity import ZERO_RUN
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches, cut_scene

CASES = 25 if os.environ.get("SEASONET_BATTERY") == "full" else 8
SIDE_M = 3600
SETTINGS = CutSettings(Compression("zstd", 1, 2), max_zero_share=0.0001)
KIT_CELL = (348_000, 5_499_600)
"""A corner of the ground that the kit's products of tile 32ULV have data for, some patches inside its border."""

Damage = Callable[[Path, random.Random], None]


# ---------------------------------------------------------------------------------------------- whole products


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole product of 3.6 km with textured bands and data everywhere."""
    rng = np.random.default_rng(5)
    bands = {}
    for band, resolution in BAND_RESOLUTION.items():
        side = SIDE_M // resolution
        smooth = np.add.outer(np.sin(np.arange(side) / 9), np.cos(np.arange(side) / 7)) * 400
        bands[band] = (1800 + smooth + rng.normal(0, 90, (side, side))).astype(np.uint16)
    scl = rng.choice(np.array([4, 5, 6], np.uint8), (SIDE_M // 20, SIDE_M // 20))
    product = SyntheticProduct("32UNA", 32632, 540_000, 5_560_020, SIDE_M, datetime(2018, 4, 20, 10, 30, tzinfo=UTC))
    return write_product(tmp_path_factory.mktemp("whole"), product, bands, scl)


@pytest.fixture(scope="session")
def kit_products(kit: Path) -> list[Path]:
    """Three products of the kit whose manifests list true checksums."""
    names = ("S2A_MSIL2A_20180418T104021_N0500", "S2A_MSIL2A_20180727T104021_N0208", "S2B_MSIL2A_20181013T104029_N0209")
    return [next((kit / "products").glob(f"{name}*T32ULV*.SAFE")) for name in names]


def copy_of(product: Path, folder: Path, *, with_manifest: bool) -> Path:
    """Return a copy whose files are links to the whole ones; damage replaces a link by a file."""
    target = folder / product.name
    for file in sorted(product.rglob("*")):
        if file.is_file() and (with_manifest or file.name != "manifest.safe"):
            place = target / file.relative_to(product)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file.resolve())
    return target


# ---------------------------------------------------------------------------------------------- kinds of damage


def read_files(product: Path) -> list[Path]:
    """Return the rasters of a product that the dataset is made from, sorted."""
    return sorted(f for f in product.rglob("IMG_DATA/*/*.jp2"))


def change(file: Path, data: bytes) -> None:
    file.unlink()
    file.write_bytes(data)


def cut_off(product: Path, rng: random.Random) -> None:
    file = rng.choice(read_files(product))
    data = file.read_bytes()
    change(file, data[: rng.randrange(len(data))])


def cut_off_and_fill_with_zeros(product: Path, rng: random.Random) -> None:
    file = rng.choice(read_files(product))
    data = file.read_bytes()
    keep = rng.randrange(len(data) - ZERO_RUN)
    change(file, data[:keep] + bytes(len(data) - keep))


def zero_a_run(product: Path, rng: random.Random) -> None:
    file = rng.choice([f for f in read_files(product) if f.stat().st_size > 2 * ZERO_RUN])
    data = bytearray(file.read_bytes())
    length = rng.randrange(ZERO_RUN, len(data))
    start = rng.randrange(len(data) - length + 1)
    data[start : start + length] = bytes(length)
    change(file, bytes(data))


def cut_out_a_piece(product: Path, rng: random.Random) -> None:
    file = rng.choice(read_files(product))
    data = file.read_bytes()
    start = rng.randrange(len(data) - 1)
    change(file, data[:start] + data[rng.randrange(start + 1, len(data)) :])


def remove_a_band(product: Path, rng: random.Random) -> None:
    for file in rng.sample(read_files(product), rng.randint(1, 3)):
        file.unlink()


def empty_a_file(product: Path, rng: random.Random) -> None:
    change(rng.choice([*read_files(product), product / "MTD_MSIL2A.xml"]), b"")


def put_in_a_band_of_another_size(product: Path, rng: random.Random) -> None:
    files = read_files(product)
    file = rng.choice(files)
    other = rng.choice([f for f in files if f.parent != file.parent])
    change(file, other.read_bytes())


def exchange_bands(product: Path, rng: random.Random) -> None:
    files = [f for f in read_files(product) if "SCL" not in f.name]
    file = rng.choice(files)
    other = rng.choice([f for f in files if f.parent == file.parent and f != file])
    data = file.read_bytes()
    change(file, other.read_bytes())
    change(other, data)


def flip_a_bit(product: Path, rng: random.Random) -> None:
    file = rng.choice(read_files(product))
    data = bytearray(file.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    change(file, bytes(data))


def flip_a_bit_in_the_metadata(product: Path, rng: random.Random) -> None:
    file = rng.choice([product / "MTD_MSIL2A.xml", next(product.glob("GRANULE/*/MTD_TL.xml"))])
    data = bytearray(file.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    change(file, bytes(data))


ALWAYS_SEEN: list[Damage] = [
    cut_off,
    cut_off_and_fill_with_zeros,
    zero_a_run,
    cut_out_a_piece,
    remove_a_band,
    empty_a_file,
    put_in_a_band_of_another_size,
]
SEEN_BY_CHECKSUM: list[Damage] = [*ALWAYS_SEEN, exchange_bands, flip_a_bit, flip_a_bit_in_the_metadata]


# ---------------------------------------------------------------------------------------------- what comes of it


def patches_of(scene: Scene) -> Patches:
    """Return all patches of a small scene; of a kit scene those of one spot that has data."""
    grids = [all_cells(scene.tile, grid) for grid in GRIDS]
    if scene.tile.size_m > SIDE_M:
        x0, y0 = KIT_CELL
        near = [(c.x >= x0) & (c.x < x0 + 3600) & (c.y <= y0) & (c.y > y0 - 2400) for c in grids]
        grids = [cells.take(mask) for cells, mask in zip(grids, near, strict=True)]
    x, y = (np.concatenate([getattr(cells, axis) for cells in grids]) for axis in "xy")
    return Patches(tuple(f"spring/grid1/p{i}" for i in range(len(x))), x, y)


def cut_all(product: Path, folder: Path) -> dict[str, str]:
    """Inspect and cut a product; return the checksum of each image file."""
    scene = Scene(products=(inspect_product(product),))
    labels = folder / "labels.tif"
    record = cut_scene(scene, patches_of(scene), label_raster(scene, labels), folder / "d", folder / "s", SETTINGS)
    return {
        f"{row['path']} {name}": digest.hex()
        for row in record.to_pylist()
        for name, digest in row.items()
        if name.endswith("_sha256")
    }


def label_raster(scene: Scene, path: Path) -> Path:
    import rasterio

    side = scene.tile.pixels(10)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": side, "width": side, "compress": "zstd"}
    with rasterio.open(path, "w", **profile, tiled=True, SPARSE_OK=True):
        return path


def outcome(product: Path, whole: dict[str, str], folder: Path) -> str:
    try:
        found = cut_all(product, folder)
    except ProductError:
        assert not list((folder / "d").rglob("*.tif")), "a refused product left patches"
        return "refused"
    return "harmless" if found == whole else "silent"


def run_cases(products: list[Path], damage: Damage, folder: Path, *, with_manifest: bool) -> Counter[str]:
    """Return how often each outcome came."""
    counts: Counter[str] = Counter()
    whole = {}
    for i, product in enumerate(products):
        place = folder / f"whole{i}"
        place.mkdir()
        whole[product] = cut_all(product, place)
        shutil.rmtree(place)
    for case in range(CASES):
        rng = random.Random(f"{damage.__name__} {case} {with_manifest}")
        product = products[case % len(products)]
        place = folder / f"case{case}"
        place.mkdir()
        damaged = copy_of(product, place, with_manifest=with_manifest)
        damage(damaged, rng)
        counts[outcome(damaged, whole[product], place)] += 1
        shutil.rmtree(place)
    return counts


@pytest.mark.parametrize("damage", SEEN_BY_CHECKSUM, ids=lambda d: d.__name__)
def test_with_checksums_all_damage_is_refused(synthetic: Path, damage: Damage, tmp_path: Path) -> None:
    assert run_cases([synthetic], damage, tmp_path, with_manifest=True) == {"refused": CASES}


@pytest.mark.parametrize("damage", SEEN_BY_CHECKSUM, ids=lambda d: d.__name__)
def test_with_checksums_all_damage_to_real_pixels_is_refused(
    kit_products: list[Path], damage: Damage, tmp_path: Path
) -> None:
    assert run_cases(kit_products, damage, tmp_path, with_manifest=True) == {"refused": CASES}


@pytest.mark.parametrize("damage", ALWAYS_SEEN, ids=lambda d: d.__name__)
def test_without_checksums_what_is_missing_or_zeroed_is_refused(
    synthetic: Path, damage: Damage, tmp_path: Path
) -> None:
    assert run_cases([synthetic], damage, tmp_path, with_manifest=False) == {"refused": CASES}


@pytest.mark.parametrize("damage", ALWAYS_SEEN, ids=lambda d: d.__name__)
def test_without_checksums_what_is_missing_or_zeroed_in_real_pixels_is_refused(
    kit_products: list[Path], damage: Damage, tmp_path: Path
) -> None:
    counts = run_cases(kit_products, damage, tmp_path, with_manifest=False)
    assert counts["silent"] == 0
    assert counts["refused"] == CASES


def test_single_flipped_bits_without_checksums_are_counted(
    synthetic: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """What nobody can see without a checksum; docs/reliability.md gives the share."""
    counts = run_cases([synthetic], flip_a_bit, tmp_path, with_manifest=False)
    record_property("flipped bits", dict(counts))
    assert sum(counts.values()) == CASES


def test_a_truncated_archive_is_refused(synthetic: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / synthetic.stem), "zip", synthetic.parent, synthetic.name))
    data = archive.read_bytes()
    assert inspect_product(archive).name == synthetic.stem
    rng = random.Random(3)
    for _ in range(CASES):
        archive.write_bytes(data[: rng.randrange(len(data))])
        with pytest.raises(ProductError, match="archive"):
            inspect_product(archive)


def test_flipped_bits_in_an_archive_are_refused(synthetic: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / synthetic.stem), "zip", synthetic.parent, synthetic.name))
    data = archive.read_bytes()
    whole = inspect_product(archive).digest
    rng = random.Random(4)
    for _ in range(CASES):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        archive.write_bytes(changed)
        try:
            # A bit of a name or a time that nobody reads may pass: the content is then still the same.
            assert inspect_product(archive).digest == whole
        except ProductError:
            continue


def test_a_manifest_that_cannot_be_believed_is_set_aside(synthetic: Path, tmp_path: Path) -> None:
    product = copy_of(synthetic, tmp_path, with_manifest=True)
    manifest = product / "manifest.safe"
    text = manifest.read_text()

    change(manifest, re.sub(r'size="\d+"', 'size="988"', text).encode())
    assert not inspect_product(product).manifest_credible
    assert inspect_product(synthetic).manifest_credible
    read_files(product)[0].unlink()
    with pytest.raises(ProductError):
        inspect_product(product)
