"""Pages of a few patches to label, and what can be read on them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from seasonet_build.clouds.page import write_page
from seasonet_build.sources.scenes import Scene
from tests.clouds.browser import Browser, wait_for

Start = Callable[..., Browser]
"""Starts a browser that knows nothing yet; options as those of Browser."""


def write(page: Path, scene: Scene, ids: list[str], dataset: str = "small") -> Path:
    """Write a page of patches with these ids, in this order; every other one is near the threshold."""
    number = range(len(ids))
    rows = {
        "id": ids,
        "part": ["uniform" if i % 2 else "near" for i in number],
        "scene": "the scene",
        "tile": "32UNA",
        "grid": 1,
        "row": [i // 2 % 2 for i in number],
        "col": [i % 2 for i in number],
        "cloud": 0,
        "snow": 3600,
    }
    write_page(pd.DataFrame(rows), {"the scene": scene}, page, dataset)
    return page


def at(browser: Browser) -> tuple[str, str]:
    """Number and label of the patch that is shown."""
    _patch, number, _of, _all, *label = browser.text("#position").split(maxsplit=4)
    return number, label[0]


def counts(browser: Browser) -> str:
    return browser.text("#counts")


def wait_for_message(browser: Browser, text: str) -> None:
    wait_for(lambda: text in browser.text("#message"), text)
