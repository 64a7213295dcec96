"""A DHuS server, asked through sentinelsat: whole products as zip archives, for users with a password."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_input.small_build import BEST, NEXT, assert_one_line, assert_whole_dataset
from tests.download.remote_build import RemoteBuild, environment, make_remote_build
from tests.services.catalogue import cdse_item
from tests.services.dhus import DhusServer
from tests.services.faults import Fault, FaultProxy, always, none, sequence
from tests.services.safe_facts import Safe

pytest.importorskip("sentinelsat", reason="the extra 'dhus' is not installed")

NAME, NEXT_NAME = (p.name.removesuffix(".SAFE") for p in (BEST, NEXT))
ARCHIVE = r"/\$value"


@pytest.fixture
def front(dhus_server: DhusServer, proxy: Callable[..., FaultProxy]) -> FaultProxy:
    return proxy(dhus_server.url)


@pytest.fixture
def build(dhus_server: DhusServer, front: FaultProxy, tmp_path: Path) -> Iterator[RemoteBuild]:
    build = make_remote_build(tmp_path)
    for product in build.offered:
        made = shutil.make_archive(str(product.with_suffix("")), "zip", build.remote, product.name)
        dhus_server.add(Safe(product).uuid, cdse_item(product), Path(made))
    build.configure('provider = "dhus"', f'url = "{front.url}"', "timeout_s = 3", "attempts = 4")
    account = {"DHUS_USERNAME": dhus_server.user, "DHUS_PASSWORD": dhus_server.password}
    with environment(SEASONET_STATE=str(tmp_path / "state"), **account):
        yield build


def assert_archives(build: RemoteBuild, *names: str) -> None:
    assert build.there() == sorted(f"{name}.zip" for name in names)
    for name in names:
        assert (build.local.products / f"{name}.zip").read_bytes() == (build.remote / f"{name}.zip").read_bytes()


def test_an_archive_is_fetched_and_built_from(build: RemoteBuild, front: FaultProxy) -> None:
    run = build.download()
    assert (run.code, run.stderr) == (0, "")
    assert_archives(build, NAME)
    built = build.local.run()
    assert built.code == 0, built.stderr
    assert_whole_dataset(build.local)
    front.clear()
    again = build.download()
    assert again.code == 0, again.stderr
    assert "1 there" in again.stdout
    assert front.log == []


def test_what_breaks_off_goes_on_and_what_is_wrong_is_fetched_again(build: RemoteBuild, front: FaultProxy) -> None:
    front.plan = sequence(Fault.TRUNCATE, Fault.WRONG_BYTES, path=ARCHIVE)
    run = build.download()
    assert run.code == 0, run.stderr
    assert_archives(build, NAME)
    asked = [served.range is not None for served in front.log if served.path.endswith("/$value")]
    assert asked == [False, True, False]


def test_an_archive_that_never_has_its_checksum_is_not_kept(build: RemoteBuild, front: FaultProxy) -> None:
    front.plan = always(Fault.WRONG_BYTES, ARCHIVE)
    run = build.download()
    assert run.code == 1
    assert f"{NAME}: {NAME}.zip: the bytes do not have the md5 checksum" in run.stderr
    assert build.there() == []
    front.plan = none
    assert build.download().code == 0
    assert_archives(build, NAME)


def test_a_product_in_the_long_term_archive_is_named_and_the_rest_is_fetched(
    build: RemoteBuild, dhus_server: DhusServer
) -> None:
    """Asking for such a product makes the server bring it back, hours later."""
    product = dhus_server.products[Safe(build.remote / NEXT.name).uuid]
    product.online = False
    run = build.download("--set", "download.cover=2")
    assert run.code == 3
    (line,) = run.stderr.splitlines()
    assert NEXT_NAME in line
    assert "not online" in line
    assert "run again" in line
    assert dhus_server.wanted == [product.uuid]
    assert_archives(build, NAME)
    product.online = True
    assert build.download("--set", "download.cover=2").code == 0
    assert_archives(build, NAME, NEXT_NAME)


def test_an_account_that_is_not_taken(build: RemoteBuild) -> None:
    with environment(DHUS_PASSWORD="hunter2-not-this-one"):
        assert_one_line(build.download(), 2, "does not take DHUS_USERNAME and DHUS_PASSWORD")
        loud = build.download("-vv")
    assert "hunter2" not in loud.stdout + loud.stderr
    assert build.there() == []


@pytest.mark.parametrize("missing", ["DHUS_USERNAME", "DHUS_PASSWORD"])
def test_a_missing_account(build: RemoteBuild, missing: str) -> None:
    with environment(**{missing: ""}):
        assert_one_line(build.download(), 2, "set DHUS_USERNAME and DHUS_PASSWORD")


def test_scl_first_is_refused_where_it_is_stated(build: RemoteBuild) -> None:
    """There is nothing but whole archives."""
    assert_one_line(build.download("--set", "download.scl_first=true"), 2, "scl_first", "dhus")


def test_a_server_that_is_away_or_broken(build: RemoteBuild, front: FaultProxy) -> None:
    assert_one_line(build.download("--set", "download.url=http://127.0.0.1:9"), 1, "127.0.0.1:9", "cannot be asked")
    front.plan = always(Fault.HTTP_500, "/search")
    assert_one_line(build.download(), 1, front.url, "cannot be asked")
