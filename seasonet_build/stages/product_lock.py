"""``products.lock``: which products a build takes, as text to read, to keep and to compare.

    provider cdse https://stac.dataspace.copernicus.eu/v1
    [32ULV spring 5f1c0a9be3d2]
    S2A_MSIL2A_20180418T104021_N0500_R008_T32ULV_20230812T090144  cloud 2.31  snow 0.00

The text in brackets is tile, season set and a digest of what was searched for: where that changes, the tile and
season are searched again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seasonet_build.errors import DataError
from seasonet_build.model.products import PRODUCT_NAME
from seasonet_build.model.seasons import Season
from seasonet_build.storage import write_text

_HEAD = """\
# The products that 'seasonet-build download' chose. The choice is kept until --update, or until the limits, windows or
# tiles of the configuration change.
"""
_GROUP = re.compile(r"\[(\w{5}) (\w+) ([0-9a-f]{12})\]")
_PRODUCT = re.compile(r"(\S+)\s+cloud (\d+\.\d\d)\s+snow (\d+\.\d\d|-)")


@dataclass(frozen=True, order=True)
class Key:
    """A tile and a season set."""

    tile: str
    season: Season


@dataclass(frozen=True)
class Locked:
    """A product in the lock: its name, and the cloud and snow that the catalogue stated, percent."""

    name: str
    cloud: float
    snow: float | None


@dataclass(frozen=True)
class Group:
    """The products chosen for a tile and season set, and the digest of what was searched for."""

    request: str
    products: tuple[Locked, ...] = ()

    @property
    def names(self) -> list[str]:
        """Return the products' names."""
        return [product.name for product in self.products]


@dataclass
class ProductLock:
    """The whole choice; ``provider`` is a name and an address."""

    provider: str
    groups: dict[Key, Group] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Return the names of all products, sorted, each once."""
        return sorted({name for group in self.groups.values() for name in group.names})


def read_lock(path: Path) -> ProductLock | None:
    """Read a lock; None: there is none.

    Raises:
        DataError: it is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text; delete it, and the products will be chosen anew") from None
    lock: ProductLock | None = None
    key: Key | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if lock is None and line.startswith("provider "):
            lock = ProductLock(line.removeprefix("provider "))
        elif lock is not None and (opened := _read_group(line)) and opened[0] not in lock.groups:
            key, lock.groups[opened[0]] = opened
        elif lock is not None and key is not None and (product := _read_product(line, lock.groups[key])):
            group = lock.groups[key]
            lock.groups[key] = Group(group.request, (*group.products, product))
        else:
            raise DataError(
                f"{path}, line {number}: {line[:80]!r} is not understood; mend it, or delete the file, and the "
                "products will be chosen anew"
            )
    return lock


def write_lock(lock: ProductLock, path: Path) -> None:
    """Write a lock, sorted by tile and season set."""
    lines = [f"provider {lock.provider}"]
    for key, group in sorted(lock.groups.items(), key=lambda item: (item[0].tile, list(Season).index(item[0].season))):
        lines += ["", f"[{key.tile} {key.season.value} {group.request}]"]
        for product in group.products:
            snow = "-" if product.snow is None else f"{product.snow:.2f}"
            lines.append(f"{product.name}  cloud {product.cloud:.2f}  snow {snow}")
    write_text(path, _HEAD + "\n".join(lines) + "\n")


def drift(old: Mapping[Key, Group], new: Mapping[Key, Group]) -> list[str]:
    """Return in one line each how another choice differs."""
    lines = []
    for key in sorted({*old, *new}):
        before, after = (set(groups[key].names) if key in groups else set() for groups in (old, new))
        where = f"{key.tile} {key.season.value}"
        lines += [f"{where}: - {name}" for name in sorted(before - after)]
        lines += [f"{where}: + {name}" for name in sorted(after - before)]
    return lines


def _read_group(line: str) -> tuple[Key, Group] | None:
    """Return what a line opens, or None if it opens no group."""
    found = _GROUP.fullmatch(line)
    if found is None or found[2] not in list(Season):
        return None
    return Key(found[1], Season(found[2])), Group(found[3])


def _read_product(line: str, group: Group) -> Locked | None:
    """Return the product of a line, or None if it names none, or one that the group has already."""
    found = _PRODUCT.fullmatch(line)
    if found is None or PRODUCT_NAME.fullmatch(found[1]) is None or found[1] in group.names:
        return None
    return Locked(found[1], float(found[2]), None if found[3] == "-" else float(found[3]))
