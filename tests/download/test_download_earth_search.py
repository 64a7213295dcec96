"""Earth Search: items and open Cloud-Optimised GeoTIFFs, without an account and without checksums."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from seasonet_build.demo.safe import write_product
from tests.bad_input import small_build
from tests.bad_input.small_build import BEST, NEXT, SmallBuild, assert_one_line, assert_whole_dataset
from tests.cog_products import write_cog_product
from tests.download.remote_build import RemoteBuild, environment, make_remote_build
from tests.integration.support import contents, differing
from tests.services.catalogue import collection
from tests.services.earth_search import earth_search_item
from tests.services.faults import Fault, FaultProxy, always, none, sequence
from tests.services.odata import ODataServer
from tests.services.stac import StacServer

pytestmark = pytest.mark.xdist_group("stac")

NEW = replace(BEST, baseline="05.00", offset=-1000)
NEW_NEXT = replace(NEXT, baseline="05.00", offset=-1000)
NAME, NEXT_NAME = (p.name.removesuffix(".SAFE") for p in (NEW, NEW_NEXT))
ALL = ("--set", "download.cover=2", "--set", "download.scl_first=false")
NO_ACCOUNT = ("CDSE_USERNAME", "CDSE_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE")


@dataclass(frozen=True)
class Offered:
    """What was built of two SAFE products with an offset, and the same products as COGs without it, by name."""

    safe: SmallBuild
    cogs: dict[str, Path]


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Offered:
    folder = tmp_path_factory.mktemp("offered")
    build = SmallBuild(folder / "safe")
    small_build.write_inputs(build.folder)
    shutil.rmtree(build.products)
    build.products.mkdir()
    for product, seed, cloudy in ((NEW, 1, False), (NEW_NEXT, 2, True)):
        bands = {band: (image + 1000).astype(np.uint16) for band, image in small_build.bands(seed).items()}
        write_product(build.products, product, bands, small_build.scl(cloudy))
    run = build.run()
    assert run.code == 0, run.stderr
    cogs = {p.name: write_cog_product(folder / "cogs", build.products / p.name) for p in (NEW, NEW_NEXT)}
    return Offered(build, cogs)


@pytest.fixture
def front(odata_server: ODataServer, proxy: Callable[..., FaultProxy]) -> FaultProxy:
    return proxy(odata_server.url)


@pytest.fixture
def build(
    offered: Offered, stac_server: StacServer, odata_server: ODataServer, front: FaultProxy, tmp_path: Path
) -> Iterator[RemoteBuild]:
    build = make_remote_build(tmp_path)
    build.configure('provider = "earth-search"', f'url = "{stac_server.url}"', "timeout_s = 3", "attempts = 4")
    items = []
    for name, cog in offered.cogs.items():
        hrefs = {}
        for file in sorted(cog.glob("*.tif")):
            odata_server.add_public(f"{cog.name}/{file.name}", file)
            hrefs[file.stem] = f"{front.url}/public/{cog.name}/{file.name}"
        items.append(earth_search_item(offered.safe.products / name, hrefs, boa_offset_applied=True))
    stac_server.load(collection(), items)
    with environment(SEASONET_STATE=str(tmp_path / "state"), **dict.fromkeys(NO_ACCOUNT, "")):
        yield build


def assert_fetched(build: RemoteBuild, offered: Offered, *names: str) -> None:
    """The products' folders hold the item and the very files that are on offer, and there are no others."""
    assert build.there() == sorted(f"{name}.COG" for name in names)
    for name in names:
        ours, theirs = build.local.products / f"{name}.COG", offered.cogs[f"{name}.SAFE"]
        bands = sorted(path.name for path in theirs.glob("*.tif"))
        assert sorted(path.name for path in ours.iterdir()) == sorted([*bands, "item.json"])
        assert [band for band in bands if (ours / band).read_bytes() != (theirs / band).read_bytes()] == []
        item = json.loads((ours / "item.json").read_text())
        assert item["properties"]["s2:product_uri"] == f"{name}.SAFE"
        assert sorted(item["seasonet:files"]) == bands


def test_the_dataset_is_that_of_the_safe_products_to_the_byte(build: RemoteBuild, offered: Offered) -> None:
    run = build.download(*ALL)
    assert (run.code, run.stderr) == (0, "")
    assert_fetched(build, offered, NAME, NEXT_NAME)
    built = build.local.run()
    assert (built.code, built.stderr) == (0, "")
    assert_whole_dataset(build.local)
    assert differing(contents(build.local.dataset), contents(offered.safe.dataset)) == []


def test_of_scenes_that_no_patch_is_cut_from_only_the_classification_is_fetched(
    build: RemoteBuild, offered: Offered, front: FaultProxy
) -> None:
    run = build.download("--set", "download.cover=2", "--json")
    assert run.code == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["states"] == {NAME: "fetched", NEXT_NAME: "not needed"}
    assert_fetched(build, offered, NAME)
    assert [served.path.rpartition("/")[2] for served in front.log if NEXT_NAME in served.path] == ["SCL.tif"]
    front.clear()
    again = build.download("--set", "download.cover=2")
    assert again.code == 0, again.stderr
    assert front.log == []


def test_what_breaks_off_goes_on(build: RemoteBuild, offered: Offered, front: FaultProxy) -> None:
    front.plan = sequence(Fault.TRUNCATE, Fault.RESET, path="B0[23]")
    run = build.download()
    assert run.code == 0, run.stderr
    assert_fetched(build, offered, NAME)
    assert [served.status for served in front.log if served.range] != []


@pytest.mark.parametrize("raster", ["SCL", "B04"])
def test_bytes_that_changed_on_the_way_do_not_get_far(
    build: RemoteBuild, offered: Offered, front: FaultProxy, raster: str
) -> None:
    """There is no checksum to hold them against, but the file cannot be unpacked."""
    front.plan = always(Fault.WRONG_BYTES, f"{raster}.tif")
    run = build.download()
    assert run.code == 1
    (line,) = run.stderr.splitlines()
    assert NAME in line
    assert f"{raster}.tif" in line
    assert build.there() == []
    front.plan = none
    mended = build.download()
    assert mended.code == 0, mended.stderr
    assert_fetched(build, offered, NAME)


def test_a_file_that_is_cut_off_at_its_source_is_noticed(
    build: RemoteBuild, odata_server: ODataServer, offered: Offered, tmp_path: Path
) -> None:
    whole = offered.cogs[NEW.name] / "B11.tif"
    short = tmp_path / "short.tif"
    short.write_bytes(whole.read_bytes()[:-500])
    odata_server.add_public(f"{NAME}.COG/B11.tif", short)
    run = build.download()
    assert run.code == 1
    assert "B11.tif" in run.stderr
    assert build.there() == []


def test_a_server_that_knows_no_ranges(
    build: RemoteBuild, offered: Offered, odata_server: ODataServer, front: FaultProxy
) -> None:
    odata_server.public_ranges = False
    front.plan = sequence(Fault.TRUNCATE, path="B08")
    run = build.download()
    assert run.code == 0, run.stderr
    assert_fetched(build, offered, NAME)


def test_a_file_that_was_touched_is_looked_at_again(build: RemoteBuild, offered: Offered, front: FaultProxy) -> None:
    assert build.download().code == 0
    band = build.local.products / f"{NAME}.COG" / "B08.tif"
    band.write_bytes(b"x" * band.stat().st_size)
    front.clear()
    run = build.download()
    assert run.code == 0, run.stderr
    assert_fetched(build, offered, NAME)
    assert [served.path.rpartition("/")[2] for served in front.log] == ["B08.tif"]


def test_an_address_that_is_none_for_the_web_is_refused(
    build: RemoteBuild, offered: Offered, stac_server: StacServer
) -> None:
    hrefs = {file.stem: f"file://{file}" for file in offered.cogs[NEW.name].glob("*.tif")}
    stac_server.load(collection(), [earth_search_item(offered.safe.products / NEW.name, hrefs, True)])
    assert_one_line(build.download(), 1, "is not as expected", "file://")
    assert build.there() == []
