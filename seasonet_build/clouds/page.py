"""The page that patches are labelled on: one HTML file that needs no network, and the table beside it."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seasonet_build.clouds.candidates import candidates_table
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.pictures import Pictures, scene_pictures
from seasonet_build.engine.units import Progress, no_progress
from seasonet_build.engine.workers import Job, Workers
from seasonet_build.model.tables import SCL_PIXELS
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.screen import corners
from seasonet_build.storage import replacing, write_table

_DATA = "@DATA@"
"""What the template has in the place of the patches; all else in it is fixed."""


def write_page(
    drawn: pd.DataFrame,
    scenes: Mapping[str, Scene],
    page: Path,
    dataset: str,
    workers: int = 1,
    progress: Progress = no_progress,
) -> Path:
    """Write the page of drawn candidates, and first the table beside it (CANDIDATES).

    Args:
        drawn: rows out of candidates.draw, in the order in which they are shown.
        scenes: by id.
        page: HTML file to write.
        dataset: name of the dataset, for the title.
        workers: processes to use.
        progress: told of each scene that is done.

    Returns:
        The path of the table: that of the page, ending in ``.parquet``.

    Raises:
        ProductError: a band of a product cannot be decoded.
    """
    features = np.zeros((len(drawn), len(FEATURES)))
    patches: list[dict[str, str]] = [{}] * len(drawn)
    for places, pictures in _by_scene(drawn, scenes, workers, progress):
        features[places] = pictures.features
        for i, colour, infrared in zip(places, pictures.true_colour, pictures.infrared, strict=True):
            row = {name: str(drawn[name].iloc[i]) for name in ("id", "part")}
            patches[i] = {**row, "colour": _base64(colour), "infrared": _base64(infrared)}
    table = page.with_suffix(".parquet")
    write_table(candidates_table(drawn, features, scenes), table)
    _write(page, {"dataset": dataset, "file": page.stem, "set": _set_digest(drawn), "patches": patches})
    return table


def _by_scene(
    drawn: pd.DataFrame, scenes: Mapping[str, Scene], workers: int, progress: Progress
) -> list[tuple[list[int], Pictures]]:
    """Return the places of the patches of each scene in ``drawn``, and their pictures; scenes are sorted by id."""
    of = drawn["scene"].to_numpy()
    places = {str(scene): np.flatnonzero(of == scene).tolist() for scene in sorted({*of})}
    jobs = {scene: _job(scenes[scene], drawn.iloc[members]) for scene, members in places.items()}
    found: dict[str, Pictures] = {}
    outcomes = Workers[Pictures](workers).carry_out(jobs, here=len(jobs) == 1)
    with progress("pictures", len(jobs)) as advance, closing(outcomes):
        for scene, future in outcomes:
            found[scene] = future.result()
            advance()
    return [(members, found[scene]) for scene, members in places.items()]


def _job(scene: Scene, rows: pd.DataFrame) -> Job[Pictures]:
    cloud, snow = (rows[name].to_numpy(np.float64) / SCL_PIXELS for name in ("cloud", "snow"))
    return partial(scene_pictures, scene, *corners(scene, rows), cloud, snow)


def _set_digest(drawn: pd.DataFrame) -> str:
    """Return a text that names this set of candidates: the browser keeps the labels under it."""
    lines = sorted(f"{name},{part}\n" for name, part in zip(drawn["id"], drawn["part"], strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _write(page: Path, data: Mapping[str, Any]) -> None:
    template = files("seasonet_build.clouds").joinpath("label.html").read_text(encoding="utf-8")
    before, after = template.split(_DATA)
    with replacing(page) as part:
        part.write_text(before + _in_script(data) + after, encoding="utf-8", newline="\n")


def _in_script(data: Mapping[str, Any]) -> str:
    """Return JSON in which nothing ends or begins an element of HTML."""
    text = json.dumps(data, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")
