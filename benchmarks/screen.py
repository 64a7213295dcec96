"""What the screen for cloud says of made-up snowy patches, by what is in them, and how long it takes.

    python -m benchmarks.screen

The spectra are made up (see seasonet_build.demo.sky): the tables show how the screen works and what it is sensitive to,
not how often it is right in nature. Beside the screen stand its two halves alone, the share of bright pixels ("B11")
and the percentile of B09/B8A ("B09"), and what is in common use instead: a patch is cloudy if 1 % of its pixels are
bright and have an NDSI of at most 0.4.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.features import block_sums_of_bands, patch_features
from seasonet_build.clouds.images import PatchImages
from seasonet_build.clouds.measures import BRIGHT_VISIBLE, bright_pixels, high_vapour, vapour_ratios
from seasonet_build.clouds.verdict import screen
from seasonet_build.config.snow import SnowSection
from seasonet_build.demo.sky import CLOUDS, GROUNDS, SNOW, SNOWY, Cover, make_patches
from seasonet_build.model.bands import REFLECTANCE_SCALE

Verdicts = dict[str, NDArray[np.bool_]]

DEPTHS = (1, 2, 5, 10, 20, 50)
CLOUD_SHARES = (0.015, 0.05, 0.2, 1.0)
SNOW_SHARES = (0.1, 0.5, 1.0)
BELOW = {
    "snow of 100 um": Cover(),
    "snow of 250 um": Cover(snow="250 um"),
    "50% snow, conifers": Cover(snow_share=0.5, ground="conifers"),
}
"""What clouds are put over: patches that are never called cloudy without them."""

RULES = ("screen", "b11", "b09", "ndsi")

MAX_NDSI = 0.4
_ROW = 91  # patches in a row of a tile, which the program looks at together


@dataclass(frozen=True)
class Line:
    """A class of patches and the share, 0..1, of them that each rule calls cloudy."""

    name: str
    cover: Cover
    patches: int
    cloudy: dict[str, float]


def verdicts(images: PatchImages) -> Verdicts:
    """Return which patches each rule calls cloudy, shape (n,)."""
    bright, vapour = bright_pixels(images), high_vapour(vapour_ratios(images))
    limits = SnowSection()
    visible = block_sums_of_bands(images) / (4 * REFLECTANCE_SCALE)
    green, infrared = visible[..., 1], images.infrared[..., 1] / REFLECTANCE_SCALE
    ndsi = (green - infrared) / (green + infrared)
    not_snow = (visible.mean(axis=-1) > BRIGHT_VISIBLE) & (ndsi <= MAX_NDSI)
    none, dry = np.zeros_like(bright), np.zeros_like(vapour)
    return {
        "screen": screen(bright, vapour, limits),
        "b11": screen(bright, dry, limits),
        "b09": screen(none, vapour, limits),
        "ndsi": screen(np.count_nonzero(not_snow, axis=(1, 2)), dry, limits),
    }


def classes() -> Iterator[tuple[str, Cover]]:
    """Give every class of patches: clear snow, snow on all kinds of ground, cloud over three of them."""
    for snow in SNOW:
        yield f"snow, {snow}", Cover(snow=snow)
    for ground in GROUNDS:
        for share in SNOW_SHARES if ground != Cover.ground else ():
            yield f"{share:.0%} snow, {ground}", Cover(ground=ground, snow_share=share)
    for ground in ("conifers", "broadleaf twigs"):
        for share in SNOW_SHARES:
            yield f"{share:.0%} snow, {ground}, among snowy fields", Cover("100 um", share, ground, around=SNOWY)
    for name, below in BELOW.items():
        for cloud in CLOUDS:
            for depth in DEPTHS:
                for share in CLOUD_SHARES:
                    cover = replace(below, cloud=cloud, depth=depth, cloud_share=share)
                    yield f"{cloud}, depth {depth}, over {name}", cover


def judge(name: str, cover: Cover, patches: int, seed: int) -> Line:
    """Make patches of a class and ask every rule."""
    found = verdicts(make_patches(cover, patches, seed))
    return Line(name, cover, patches, {rule: float(found[rule].mean()) for rule in RULES})


def timings(runs: int, seed: int) -> dict[str, float]:
    """Return processor milliseconds for a patch: of single patches, and of a row of a tile; medians."""
    row = make_patches(Cover(ground="conifers", snow_share=0.5), _ROW, seed)
    one = PatchImages(row.visible[:1], row.infrared[:1], row.vapour[:1])
    times = {}
    for name, images in (("one", one), ("row", row)):
        unknown = np.full(len(images), np.nan)

        def ask(images: PatchImages = images) -> None:
            screen(bright_pixels(images), high_vapour(vapour_ratios(images)), SnowSection())

        def features(images: PatchImages = images, unknown: NDArray[np.float64] = unknown) -> None:
            patch_features(images, unknown, unknown)

        times[f"screen_{name}_ms"] = _cpu_ms(ask, runs) / len(images)
        # The screen's verdict follows from the features; both together is what a trained model costs at most.
        times[f"features_{name}_ms"] = _cpu_ms(features, runs) / len(images) + times[f"screen_{name}_ms"]
    return times


def _cpu_ms(task: Callable[[], None], runs: int) -> float:
    task()
    spent = []
    for _ in range(runs):
        start = time.process_time()
        task()
        spent.append((time.process_time() - start) * 1e3)
    return median(spent)


def table(lines: list[Line], times: dict[str, float]) -> str:
    """Return the result as Markdown."""
    clear, cloudy = [line for line in lines if not line.cover.cloud], [line for line in lines if line.cover.cloud]
    text = ["False alarms among clear patches, %:", "", "| patches | screen | B11 alone | B09 alone | NDSI rule |"]
    text += ["| --- | ---: | ---: | ---: | ---: |"]
    text += [f"| {line.name} | {' | '.join(_percent(line, rule) for rule in RULES)} |" for line in clear]
    text += ["", "Recall among cloudy patches, %: screen (B11 alone, B09 alone; NDSI rule):", ""]
    text += ["| cloud | " + " | ".join(f"{share:.1%} of the patch" for share in CLOUD_SHARES) + " |"]
    text += ["| --- |" + " ---: |" * len(CLOUD_SHARES)]
    for first in range(0, len(cloudy), len(CLOUD_SHARES)):
        row = cloudy[first : first + len(CLOUD_SHARES)]
        text.append(f"| {row[0].name} | {' | '.join(_cell(line) for line in row)} |")
    spent = "{screen_one_ms:.2f} ms for a single patch, {screen_row_ms:.2f} ms each for 91 together"
    with_features = "{features_one_ms:.2f} ms and {features_row_ms:.2f} ms"
    text += ["", f"Processor time of the screen: {spent.format(**times)}."]
    text += [f"With the features of a trained model: {with_features.format(**times)}."]
    return "\n".join(text)


def _percent(line: Line, rule: str) -> str:
    return f"{line.cloudy[rule] * 100:.0f}"


def _cell(line: Line) -> str:
    screen, b11, b09, ndsi = (_percent(line, rule) for rule in RULES)
    return f"{screen} ({b11}, {b09}; {ndsi})"


@click.command()
@click.option("--patches", default=100, show_default=True, type=click.IntRange(min=1), help="Patches of each class.")
@click.option(
    "--runs", default=21, show_default=True, type=click.IntRange(min=1), help="Time so often; the median counts."
)
@click.option("--seed", default=1, show_default=True, help="Of the made-up patches.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(patches: int, runs: int, seed: int, as_json: bool) -> None:
    """Ask the screen about made-up snowy patches, clear and cloudy."""
    lines = [judge(name, cover, patches, seed) for name, cover in classes()]
    times = timings(runs, seed)
    result: dict[str, Any] = {"classes": [asdict(line) for line in lines], **times}
    click.echo(json.dumps(result, indent=2) if as_json else table(lines, times))


if __name__ == "__main__":
    main()
