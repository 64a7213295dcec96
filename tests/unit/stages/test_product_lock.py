"""``products.lock``: what is written is read again, and what was damaged is not taken for a choice."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.seasons import SEASONS, Season
from seasonet_build.stages.product_lock import Group, Key, Locked, ProductLock, drift, read_lock, write_lock
from tests.unit.helpers import modest

NAME = "S2{0}_MSIL2A_201804{1:02}T104021_N0500_R008_T32ULV_20230812T090144"
A1, A2, B1 = NAME.format("A", 1), NAME.format("A", 2), NAME.format("B", 1)
SPRING, SNOW = Key("32ULV", Season.SPRING), Key("32ULV", Season.SNOW)
REQUEST = "5f1c0a9be3d2"

hundredths = st.integers(0, 10_000).map(lambda n: n / 100)
products = st.builds(
    Locked,
    st.builds(NAME.format, st.sampled_from("ABCD"), st.integers(1, 30)),
    hundredths,
    st.one_of(st.none(), hundredths),
)
groups = st.builds(
    Group,
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.lists(products, max_size=4, unique_by=lambda product: product.name).map(tuple),
)
keys = st.builds(Key, st.sampled_from(["32ULV", "31UGR", "33UVT"]), st.sampled_from(SEASONS))
providers = st.sampled_from(["cdse https://stac.dataspace.copernicus.eu/v1", "folder /data/a b, /data/[32ULV]"])
locks = st.builds(ProductLock, providers, st.dictionaries(keys, groups, max_size=8))


def written(lock: ProductLock, folder: Path) -> bytes:
    write_lock(lock, folder / "products.lock")
    return (folder / "products.lock").read_bytes()


@modest
@given(locks, st.randoms())
def test_what_is_written_is_read_again_and_the_bytes_are_sorted(lock: ProductLock, draw: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = written(lock, folder)
        again = read_lock(folder / "products.lock")
        assert again == lock
        assert written(again, folder) == text
        items = list(lock.groups.items())
        draw.shuffle(items)  # type: ignore[attr-defined]
        assert written(ProductLock(lock.provider, dict(items)), folder) == text
        heads = [line for line in text.decode().splitlines() if line.startswith("[")]
        order = [(line[1:6], list(SEASONS).index(Season(line.split()[1]))) for line in heads]
        assert order == sorted(order)
    assert lock.names == sorted({name for group in lock.groups.values() for name in group.names})


def test_the_text_is_as_documented(tmp_path: Path) -> None:
    lock = ProductLock("cdse https://x/v1", {SPRING: Group(REQUEST, (Locked(A1, 2.31, 0.0), Locked(B1, 100.0, None)))})
    lines = written(lock, tmp_path).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "provider cdse https://x/v1",
        "",
        "[32ULV spring 5f1c0a9be3d2]",
        f"{A1}  cloud 2.31  snow 0.00",
        f"{B1}  cloud 100.00  snow -",
    ]


def test_no_lock_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "products.lock") is None


HEAD = f"provider cdse https://x/v1\n\n[32ULV spring {REQUEST}]\n{A1}  cloud 2.31  snow 0.00\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "what is this\n", 5),
        (HEAD.replace("provider ", "Provider "), 1),
        (HEAD.partition("\n")[2], 2),
        (HEAD.replace("spring", "autumn"), 3),
        (HEAD.replace(REQUEST, REQUEST[:-1]), 3),
        (HEAD.replace("[32ULV", "32ULV"), 3),
        (HEAD.replace("S2A_", "S2X_"), 4),
        (HEAD.replace(A1, "../" + A1), 4),
        (HEAD.replace("2.31", "nan"), 4),
        (HEAD.replace("  snow 0.00", ""), 4),
        (HEAD + f"\n[32ULV spring {REQUEST}]\n", 6),
        (HEAD + f"{A1}  cloud 2.31  snow 0.00\n", 5),
        (HEAD + "provider cdse https://y/v1\n", 5),
        ("# only this\n" + HEAD.replace(A1, A1[:-3]), 5),
        (HEAD + "<<<<<<< ours\n", 5),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "products.lock").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"products.lock, line {line}: "):
        read_lock(tmp_path / "products.lock")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "products.lock").write_bytes(b"provider \xff\xfe\n")
    with pytest.raises(DataError, match="is no text"):
        read_lock(tmp_path / "products.lock")


def choice(*names: str) -> Group:
    return Group(REQUEST, tuple(Locked(name, 1.0, None) for name in names))


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({SPRING: choice(A1)}, {SPRING: choice(A1)}, []),
        ({SPRING: choice(A1, A2)}, {SPRING: choice(A2, A1)}, []),
        ({SPRING: choice(A1)}, {SPRING: choice(B1)}, [f"32ULV spring: - {A1}", f"32ULV spring: + {B1}"]),
        ({}, {SNOW: choice(A2, A1)}, [f"32ULV snow: + {A1}", f"32ULV snow: + {A2}"]),
        ({SPRING: choice(A1)}, {SNOW: choice(A1)}, [f"32ULV snow: + {A1}", f"32ULV spring: - {A1}"]),
    ],
)
def test_drift_names_what_came_and_what_went(
    old: Mapping[Key, Group], new: Mapping[Key, Group], lines: list[str]
) -> None:
    assert drift(old, new) == lines
