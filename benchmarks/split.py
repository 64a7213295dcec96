"""How long splits of a country take, how even they are, and whether patches of different splits overlap.

    python -m benchmarks.split --json

The country is made up (see benchmarks.country). Each figure is of a fresh process that does this one thing: seconds on
the clock and of the processor without start-up, imports and reading of the country; the most memory it ever held, with
all of these. ``full`` is the way from a written ``meta.csv`` and ``meta.parquet`` to the files of the split. Overlaps
are counted on the lattice that the country's patches lie on, which the package knows nothing of.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from pyproj import Transformer

from benchmarks.country import EPSG, NORTH_M, WEST_M, Country, make_country
from benchmarks.measure import measure
from seasonet_build.config.split import SplitSection
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.grid import NAME_POINT_M
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.splits.balance import NO_SIDE, Locations, Sides, class_deviations
from seasonet_build.splits.blocks import clear_borders, split_by_blocks
from seasonet_build.splits.official import split_officially
from seasonet_build.splits.overlaps import Places, find_pairs
from seasonet_build.splits.parquet import PATCH_PIXELS
from seasonet_build.stages.split import split_dataset

SHARES = (0.7, 0.1, 0.2)
STEP_M = 600
"""Both grids together lie on this lattice; a patch is two steps wide."""


@dataclass(frozen=True)
class Dealt:
    """Sides, and the seconds that dealing took."""

    sides: Sides
    wall_s: float
    cpu_s: float


def timed(deal: Callable[[], Sides]) -> Dealt:
    """Time a deal."""
    cpu, wall = time.process_time(), time.perf_counter()
    sides = deal()
    return Dealt(sides, time.perf_counter() - wall, time.process_time() - cpu)


def official(file: Path, seed: int) -> Dealt:
    """Split officially."""
    country = load(file)
    return timed(lambda: split_officially(country.locations, SHARES, seed))


def blocks(file: Path, seed: int) -> Dealt:
    """Split by blocks, borders cleared."""
    country = load(file)

    def deal() -> Sides:
        sides = split_by_blocks(country.locations, country.places.centres(), SHARES, seed)
        return clear_borders(sides, find_pairs(country.places), buffer=0)

    return timed(deal)


def full(root: Path, method: str, seed: int) -> Dealt:
    """Split a written dataset."""
    options = SplitSection.model_validate({"method": method, "seed": seed, "keep": False})

    def deal() -> Sides:
        split_dataset(DatasetLayout(root), options)
        return np.zeros(0, dtype=np.int8)

    return timed(deal)


def figures(country: Country, sides: Sides) -> dict[str, float]:
    """Return how even a split is, in percent, and how many pairs of patches on different sides overlap."""
    locations = country.locations
    by_images, _ = class_deviations(locations, sides, len(SHARES))
    off = 100 * np.abs(by_images[~np.isnan(by_images)])
    images = locations.n_images
    return {
        "worst_pct": float(off.max()),
        "mean_pct": float(off.mean()),
        "season_worst_points": season_worst(locations, sides),
        "set_aside_pct": 100 * float(images[sides == NO_SIDE].sum() / images.sum()),
        "overlaps": count_overlaps(country.places, sides),
    }


def season_worst(locations: Locations, sides: Sides) -> float:
    """Return how far, in points of percent, the share of a season set's images in a split is from what it should be."""
    sums = np.stack([locations.images[sides == side].sum(axis=0) for side in range(len(SHARES))])
    return float(np.abs(100 * sums / sums.sum(axis=0) - 100 * np.array(SHARES)[:, np.newaxis]).max())


def count_overlaps(places: Places, sides: Sides) -> int:
    """Count pairs of overlapping patches on different sides: their corners are less than two steps apart both ways."""
    east, south = (places.x - WEST_M) // STEP_M, (NORTH_M - places.y) // STEP_M
    lattice = np.full((south.max() + 2, east.max() + 2), NO_SIDE, dtype=np.int8)
    lattice[south, east] = sides
    pairs = [
        (lattice[:, :-1], lattice[:, 1:]),
        (lattice[:-1], lattice[1:]),
        (lattice[:-1, :-1], lattice[1:, 1:]),
        (lattice[:-1, 1:], lattice[1:, :-1]),
    ]
    return sum(int(((a != b) & (a != NO_SIDE) & (b != NO_SIDE)).sum()) for a, b in pairs)


def prepare(folder: Path, side: int, seed: int, written: bool) -> None:
    """Make the country, and its dataset tables too if they are wanted."""
    country = make_country(side, seed)
    locations, places = country.locations, country.places
    arrays = {name: getattr(locations, name) for name in ("grid", "has_class", "pixels", "images", "extra")}
    np.savez(folder / "country.npz", **arrays, epsg=places.epsg, x=places.x, y=places.y)
    if written:
        write_dataset(folder, country)


def load(file: Path) -> Country:
    """Read the country."""
    with np.load(file) as arrays:
        parts = (arrays[name] for name in ("grid", "has_class", "pixels", "images", "extra"))
        return Country(Locations(*parts), Places(arrays["epsg"], arrays["x"], arrays["y"]))


def write_dataset(folder: Path, country: Country) -> None:
    """Write ``meta.csv``, with the columns that are published, and what splits read of ``meta.parquet``."""
    locations, places = country.locations, country.places
    of_row, season = np.nonzero(locations.images)
    order = np.argsort(season, kind="stable")
    of_row, season = of_row[order], season[order]
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(places.x + NAME_POINT_M, places.y - NAME_POINT_M)
    longitudes, latitudes = ([f"{value:.6f}" for value in values] for values in (longitude, latitude))
    classes = [",".join(map(str, np.flatnonzero(own) + 1)) for own in locations.has_class]
    grids = locations.grid.astype(str)
    folders = np.array([f"32UNA_20180418T104021_{a}_{b}" for a, b in zip(latitudes, longitudes, strict=True)])
    take = pa.array(of_row)
    constants = {"Satellite": "A", "Year": "2018", "Month": "04", "Day": "18", "Hour": "10", "Minute": "40"}
    constants |= {"Second": "21", "Clouds": "0.0", "Snow": "0.0"}
    labels, names = np.array([s.label for s in SEASONS]), np.array([s.value for s in SEASONS])
    paths = [f"{names[s]}/grid{grids[i]}/{folders[i]}" for i, s in zip(of_row, season, strict=True)]
    columns: dict[str, Any] = {
        "Index": np.arange(len(of_row)),
        "Season": labels[season],
        "Grid": pa.array(grids).take(take),
        "Latitude": pa.array(latitudes).take(take),
        "Longitude": pa.array(longitudes).take(take),
        **{name: pa.array([value]).take(pa.array(np.zeros(len(of_row), int))) for name, value in constants.items()},
        "Classes": pa.array(classes).take(take),
        **{name: pa.array(["1", "2", "3"]).take(pa.array(of_row % 3)) for name in ("SLRAUM", "RTYP3", "KTYP4")},
        "Path": paths,
    }
    pyarrow.csv.write_csv(pa.table(columns), folder / "meta.csv")
    schema = pa.schema([("class_shares", pa.list_(pa.float64()))])
    with pq.ParquetWriter(folder / "meta.parquet", schema) as writer:
        for rows in np.array_split(of_row, 4):
            shares = pa.array((locations.pixels[rows] / PATCH_PIXELS).ravel())
            offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * N_CLASSES)
            writer.write_table(pa.table({"class_shares": pa.ListArray.from_arrays(offsets, shares)}, schema))


def say(text: str) -> None:
    """Show progress."""
    click.echo(text, err=True)


@click.command()
@click.option("--side", default=510, show_default=True, help="Patches along a side of the country.")
@click.option("--seed", default=2018, show_default=True, help="Seed of the splits.")
@click.option("--country-seed", default=1, show_default=True, help="Seed of the country.")
@click.option("--full/--no-full", "whole", default=True, show_default=True, help="Also measure from tables to files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(side: int, seed: int, country_seed: int, whole: bool, as_json: bool) -> None:
    """Measure both methods."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="seasonet-bench-") as name:
        folder = Path(name)
        say("making the country")
        measure(partial(prepare, folder, side, country_seed, whole))
        peaks = []
        for method, task in (("official", official), ("blocks", blocks)):
            say(method)
            done = measure(partial(task, folder / "country.npz", seed))
            peaks.append(done.peak_mb)
            result |= {f"{method}_s": done.result.wall_s, f"{method}_cpu_s": done.result.cpu_s}
            result[f"{method}_peak_mb"] = done.peak_mb
            # In a process of its own: what is measured after must not start with our memory.
            evenness = measure(partial(_figures, folder / "country.npz", done.result.sides)).result
            result |= {f"{method}_{key}": value for key, value in evenness.items()}
        result["peak_mb"] = max(peaks)
        for method in ("official", "blocks") if whole else ():
            say(f"{method}, from tables to files")
            run = measure(partial(full, folder, method, seed))
            result |= {f"full_{method}_s": run.result.wall_s, f"full_{method}_cpu_s": run.result.cpu_s}
            result[f"full_{method}_peak_mb"] = run.peak_mb
    click.echo(json.dumps(result, indent=2) if as_json else table(result))


def _figures(file: Path, sides: Sides) -> dict[str, float]:
    return figures(load(file), sides)


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    return "\n".join(f"{key} {value:.4g}" for key, value in result.items())


if __name__ == "__main__":
    main()
