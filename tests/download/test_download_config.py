"""What 'seasonet-build download' refuses before it asks anybody, and the provider that fetches nothing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.bad_input.small_build import BEST, NEXT, assert_one_line
from tests.download.remote_build import RemoteBuild, environment, make_remote_build

NAME, NEXT_NAME = (p.name.removesuffix(".SAFE") for p in (BEST, NEXT))
NOWHERE = "http://127.0.0.1:9"
PROVIDERS = {
    "cdse": (f'url = "{NOWHERE}"',),
    "cdse by https": (f'url = "{NOWHERE}"', 'protocol = "https"'),
    "earth-search": ('provider = "earth-search"', f'url = "{NOWHERE}"'),
    "dhus": ('provider = "dhus"', f'url = "{NOWHERE}"'),
    "folder": ('provider = "folder"',),
}
S3 = {"endpoint": NOWHERE, "region": "default", "profile": "me"}
TOKENS = {"token_url": NOWHERE}
SCL = {"scl_first": "false", "min_cells": "1"}
LIMITS = {
    "quota_gb": "1",
    "bandwidth_mb_s": "1",
    "connections": "2",
    "timeout_s": "1",
    "deadline_s": "1",
    "attempts": "1",
}
SNOW = {"snow_margin": "1", "min_snow": "1"}
USELESS = {
    "cdse": TOKENS,
    "cdse by https": S3,
    "earth-search": {"protocol": "s3", **S3, **TOKENS},
    "dhus": {"protocol": "s3", **S3, **TOKENS, **SCL},
    "folder": {"url": NOWHERE, "protocol": "s3", **S3, **TOKENS, **SCL, **LIMITS, **SNOW},
}


@pytest.fixture
def build(tmp_path: Path) -> Iterator[RemoteBuild]:
    with environment(SEASONET_STATE=str(tmp_path / "state")):
        yield make_remote_build(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> RemoteBuild:
    """A build that stays as it is: all that is done to it is refused."""
    return make_remote_build(tmp_path_factory.mktemp("refused"))


@pytest.mark.parametrize(
    ("provider", "option"), [(provider, option) for provider, options in USELESS.items() for option in options]
)
def test_an_option_that_the_provider_cannot_apply_is_refused(shared: RemoteBuild, provider: str, option: str) -> None:
    shared.configure(*PROVIDERS[provider])
    run = shared.download("--set", f"download.{option}={USELESS[provider][option]}")
    assert_one_line(run, 2, "download", f"{option} has no effect with", "take it out")
    assert not shared.local.workspace.exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (('provider = "dhus"',), ("download", "url is missing")),
        (("min_cells = 2", "scl_first = false"), ("download", "min_cells has no effect without scl_first")),
        (('folder = "elsewhere"',), ("download.folder", "elsewhere", "products.folders")),
        (('provider = "esa"',), ("download.provider", "'esa'")),
        (("conections = 2",), ("'download.conections'", "did you mean 'connections'?")),
        (('min_baseline = "5.0"',), ("download.min_baseline", "'5.0'")),
        (("connections = 0",), ("download.connections", "0")),
    ],
)
def test_a_wrong_table_is_refused(shared: RemoteBuild, lines: tuple[str, ...], said: tuple[str, ...]) -> None:
    shared.configure(*lines)
    assert_one_line(shared.download(), 2, *said)
    assert not shared.local.workspace.exists()


@pytest.mark.parametrize("other", ["--update", "--dry-run"])
def test_options_that_exclude_each_other(shared: RemoteBuild, other: str) -> None:
    shared.configure(*PROVIDERS["folder"])
    run = shared.download("--auxiliary", other)
    assert run.code == 2
    assert run.stdout == ""
    assert "--auxiliary goes with neither --update nor --dry-run" in run.stderr


def test_tiles_that_are_not_named(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["cdse"])
    build.local.edit_config('tiles = ["32UNA"]\ntile_table = "tiles.csv"', "")
    assert_one_line(build.download(), 2, "area.tiles")


def test_a_workspace_that_is_in_use(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["folder"])
    build.local.workspace.mkdir()
    with FileLock(build.local.workspace / ".lock"):
        assert_one_line(build.download(), 11, build.local.workspace, "another run")
        assert_one_line(build.download("--auxiliary"), 11, build.local.workspace, "another run")
    assert {path.name for path in build.local.workspace.iterdir()} <= {".lock"}


def test_a_folder_is_reported_and_nothing_is_fetched(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["folder"], "cover = 2")
    for product in build.offered:
        shutil.copytree(product, build.local.products / product.name)
    before = sorted(build.local.products.rglob("*"))
    run = build.download("--json")
    assert (run.code, run.stderr) == (0, "")
    (line,) = run.stdout.splitlines()
    summary = json.loads(line)
    assert summary["event"] == "summary"
    assert summary["states"] == {NAME: "there", NEXT_NAME: "there"}
    assert summary["bytes_fetched"] == 0
    assert "32UNA fall" in summary["nothing_on_offer"]
    assert "32UNA spring" not in summary["nothing_on_offer"]
    assert [p for p in sorted(build.local.products.rglob("*")) if p not in before and p.name[0] != "."] == []
    told = build.download()
    assert "2 products: 2 there" in told.stdout
    quiet = build.download("-q")
    assert (quiet.code, quiet.stderr) == (0, "")


def test_a_folder_in_which_a_product_is_no_more(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["folder"])
    shutil.copytree(build.remote / BEST.name, build.local.products / BEST.name)
    assert build.download().code == 0
    shutil.rmtree(build.local.products / BEST.name)
    run = build.download()
    assert run.code == 1
    assert NAME in run.stderr
    assert "--update" in run.stderr


def test_what_another_provider_has_begun_is_left_alone(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["folder"])
    part = build.local.products / ".partial" / "small" / BEST.name / "B02.jp2.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"begun")
    assert build.download().code == 0
    assert part.read_bytes() == b"begun"


def test_a_folder_that_does_not_exist(build: RemoteBuild) -> None:
    build.configure(*PROVIDERS["folder"])
    assert build.download().code == 0
    shutil.rmtree(build.local.products)
    assert_one_line(build.download(), 1, build.local.products, "no such folder")
    assert not build.local.products.exists()
