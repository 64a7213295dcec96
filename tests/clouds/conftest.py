"""A browser, and a page to label patches on. Tests with them carry ``xdist_group("browser")``: one serves them all."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from filelock import FileLock

from seasonet_build.clouds.images import BANDS
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene
from tests.clouds.browser import Browser, driver_process
from tests.clouds.label_pages import Start, write
from tests.integration.support import BUILDS, REPOSITORY
from tests.unit.helpers import synthetic, write_small


@pytest.fixture(scope="session")
def programs() -> list[Path]:
    """Chromium and its driver, from scripts/test-browser.sh, which is run once for all workers."""
    result = Path(os.environ[BUILDS]) / "browser.json"
    with FileLock(result.with_suffix(".lock")):
        if not result.exists():
            run = subprocess.run(
                [REPOSITORY / "scripts" / "test-browser.sh"], capture_output=True, text=True, check=False
            )
            said = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
            result.write_text(json.dumps([run.returncode, run.stdout.splitlines(), said]), encoding="utf-8")
    status, paths, said = json.loads(result.read_text(encoding="utf-8"))
    if status == 4:
        pytest.skip(f"the browser is not there: {said}")
    assert status == 0, said
    return [Path(path) for path in paths]


@pytest.fixture(scope="session")
def driver(programs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with driver_process(programs[1], tmp_path_factory.mktemp("driver")) as url:
        yield url


@pytest.fixture(scope="session")
def start(driver: str, programs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts browsers that know nothing yet."""
    browsers: list[Browser] = []

    def make(**options: bool) -> Browser:
        browsers.append(Browser(driver, programs[0], tmp_path_factory.mktemp("browser"), **options))
        return browsers[-1]

    yield make
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="session")
def used_browser(start: Start) -> Browser:
    return start()


@pytest.fixture
def browser(used_browser: Browser, tmp_path: Path) -> Browser:
    """A browser without memories: one for all tests, as it takes a second to start."""
    blank = tmp_path / "blank.html"
    blank.touch()
    used_browser.forget(blank)
    return used_browser


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    product = synthetic(size_m=2400, start=datetime(2019, 1, 20, 10, 40, 21))
    return Scene(products=(inspect_product(write_small(tmp_path_factory.mktemp("products"), product), BANDS),))


@pytest.fixture(scope="session")
def page(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patches; the order of their ids is not that of the page."""
    return write(tmp_path_factory.mktemp("page") / "snow.html", scene, [f"p/{i}" for i in (4, 2, 6, 1, 5, 3)])
