"""The Copernicus Data Space: a catalogue and an S3 that are real servers, asked by the real command."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from seasonet_build.demo.safe import BAND_RESOLUTION, write_product
from tests.bad_input.command_line import Run
from tests.bad_input.small_build import BEST, N_PATCHES, NEXT, SIZE, assert_whole_dataset
from tests.download.remote_build import RemoteBuild, environment, make_remote_build, offer_by_s3
from tests.services.catalogue import cdse_item, collection
from tests.services.faults import Fault, FaultProxy, always, seeded, sequence
from tests.services.s3 import S3Server
from tests.services.stac import StacServer

pytestmark = pytest.mark.xdist_group("stac")

Start = Callable[..., FaultProxy]
NAME, NEXT_NAME = (p.name.removesuffix(".SAFE") for p in (BEST, NEXT))


@pytest.fixture
def build(stac_server: StacServer, s3_server: S3Server, tmp_path: Path) -> Iterator[RemoteBuild]:
    build = make_remote_build(tmp_path)
    offer_by_s3(build, stac_server, s3_server)
    keys = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": s3_server.secret_key}
    with environment(SEASONET_STATE=str(tmp_path / "state"), **keys):
        yield build


def test_what_a_build_reads_is_fetched_and_builds_the_same_dataset(build: RemoteBuild) -> None:
    run = build.download()
    assert run.code == 0, run.stderr
    assert run.stderr == ""
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert f"fetched     {NAME}" in run.stdout
    built = build.local.run()
    assert built.code == 0, built.stderr
    assert_whole_dataset(build.local)


def test_the_clearest_scene_that_covers_the_tile_is_chosen_for_its_season(build: RemoteBuild) -> None:
    """NEXT covers the tile too, but has more cloud."""
    assert build.download().code == 0
    text = build.lock.read_text()
    assert NAME in text
    assert NEXT_NAME not in text
    build.configure(*build.local.config.read_text().partition("[download]\n")[2].splitlines(), "cover = 2")
    run = build.download()
    assert run.code == 0, run.stderr
    assert NEXT_NAME in build.lock.read_text()


def test_only_the_classification_of_a_scene_that_no_patch_is_cut_from_is_fetched(build: RemoteBuild) -> None:
    run = build.download("--set", "download.cover=2", "--json")
    assert run.code == 0, run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])
    assert summary["states"] == {NAME: "fetched", NEXT_NAME: "not needed"}
    build.assert_products_are_those_of_the_provider([BEST.name])
    kept = [path.name for path in (build.local.products / ".partial").rglob("*.jp2")]
    assert [name for name in kept if "SCL" not in name] == []
    again = build.download("--set", "download.cover=2", "--json")
    assert json.loads(again.stdout.splitlines()[-1])["states"] == {NAME: "there", NEXT_NAME: "not needed"}
    both = build.download("--set", "download.cover=2", "--set", "download.scl_first=false")
    assert both.code == 0, both.stderr
    build.assert_products_are_those_of_the_provider([BEST.name, NEXT.name])


def states_of(run: Run) -> dict[str, str]:
    states: dict[str, str] = json.loads(run.stdout.splitlines()[-1])["states"]
    return states


def test_a_scene_whose_snow_turns_out_to_be_cloud_is_replaced_by_the_next_best(
    build: RemoteBuild, stac_server: StacServer, s3_server: S3Server
) -> None:
    """Both are all snow by their classification; NEXT lies nearer to the middle of the snowy set's window."""
    snow = {band: np.full((SIZE // metres,) * 2, 6000, np.uint16) for band, metres in BAND_RESOLUTION.items()}
    for product, bands in ((BEST, {**snow, "B11": snow["B11"] // 6}), (NEXT, snow)):
        shutil.rmtree(build.remote / product.name)
        write_product(build.remote, product, bands, np.full((SIZE // 20,) * 2, 11, np.uint8))
    offer_by_s3(build, stac_server, s3_server)
    two = ("--set", "download.cover=2")
    states = states_of(build.download(*two, "--json"))
    assert states == {NAME: "not needed", NEXT_NAME: "fetched"}
    assert build.local.run().code == 0
    assert not list(build.local.dataset.glob("snow/*/*"))
    states = states_of(build.download(*two, "--json"))
    assert states == {NAME: "fetched", NEXT_NAME: "there"}
    assert build.local.run().code == 0
    assert len(list(build.local.dataset.glob("snow/*/*"))) == N_PATCHES
    assert states_of(build.download(*two, "--json")) == {NAME: "there", NEXT_NAME: "there"}


def test_a_second_run_asks_nobody(build: RemoteBuild, stac_server: StacServer) -> None:
    assert build.download().code == 0
    # What is not asked need not be there.
    stac_server.clear()
    run = build.download("--set", "download.endpoint=http://127.0.0.1:9")
    assert run.code == 0, run.stderr
    assert "1 there" in run.stdout


def test_a_file_that_was_touched_is_looked_at_and_replaced_if_it_is_wrong(build: RemoteBuild) -> None:
    assert build.download().code == 0
    band = next((build.local.products / BEST.name).rglob("*B08_10m.jp2"))
    band.write_bytes(b"x" * band.stat().st_size)
    run = build.download()
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])


def test_faults_on_the_way_change_nothing(build: RemoteBuild, s3_server: S3Server, proxy: Start) -> None:
    faults = dict.fromkeys(
        (Fault.NONE, Fault.TRUNCATE, Fault.RESET, Fault.HTTP_503, Fault.WRONG_BYTES, Fault.STALL), 1.0
    )
    front = proxy(s3_server.url, seeded(3, faults, at_most=2), sign=s3_server.sign)
    run = build.download("--set", f"download.endpoint={front.url}", "--set", "download.timeout_s=1")
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert len({served.fault for served in front.log}) > 3


def test_what_cannot_be_had_is_named_and_the_rest_is_fetched(
    build: RemoteBuild, s3_server: S3Server, proxy: Start
) -> None:
    front = proxy(s3_server.url, always(Fault.HTTP_500, "0508.*B11"))
    options = ("--set", "download.cover=2", "--set", "download.scl_first=false", "--set", "download.attempts=1")
    run = build.download(*options, "--set", f"download.endpoint={front.url}")
    assert run.code == 3
    build.assert_products_are_those_of_the_provider([BEST.name])
    (line,) = [line for line in run.stderr.splitlines() if NEXT_NAME in line]
    assert "B11" in line
    assert "500" in line
    front.plan = sequence()
    front.clear()
    again = build.download(*options, "--set", f"download.endpoint={front.url}")
    assert again.code == 0, again.stderr
    build.assert_products_are_those_of_the_provider([BEST.name, NEXT.name])
    assert [served.path.rpartition("/")[2][-11:] for served in front.log] == ["B11_20m.jp2"]


@pytest.mark.parametrize(
    ("variable", "value"), [("AWS_SECRET_ACCESS_KEY", "wrong-secret-0815"), ("AWS_ACCESS_KEY_ID", "WRONGKEY0815")]
)
def test_keys_that_are_not_taken(build: RemoteBuild, variable: str, value: str) -> None:
    with environment(**{variable: value}):
        run = build.download("-vv")
    assert run.code == 2
    error = run.stderr.splitlines()[-1]
    assert error.startswith("error: ")
    assert "check it" in error
    assert "wrong-secret" not in run.stderr + run.stdout
    assert build.there() == []


def test_no_keys_at_all(build: RemoteBuild, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    with environment(
        AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SHARED_CREDENTIALS_FILE=nowhere, AWS_CONFIG_FILE=nowhere,
        AWS_EC2_METADATA_DISABLED="true",
    ):  # fmt: skip
        run = build.download()
    assert run.code == 2
    assert "AWS_ACCESS_KEY_ID" in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_dry_run_says_what_and_how_much_and_does_nothing(build: RemoteBuild) -> None:
    run = build.download("--dry-run")
    assert run.code == 0, run.stderr
    size = sum(p.stat().st_size for p in (build.remote / BEST.name).rglob("*") if p.is_file())
    assert "1 products to fetch: 16 files" in run.stdout
    plan = json.loads(build.download("--dry-run", "--json").stdout.splitlines()[-1])
    assert 0 < plan["planned_bytes"] <= size
    assert plan["estimated_s"] >= 0
    assert build.there() == []
    assert not build.lock.exists()


def test_the_choice_is_kept_until_it_is_updated(build: RemoteBuild, stac_server: StacServer) -> None:
    assert build.download().code == 0
    before = build.lock.read_text()
    stac_server.clear()
    stac_server.load(collection(), [cdse_item(build.remote / NEXT.name)])
    assert build.download().code == 0
    assert build.lock.read_text() == before
    run = build.download("--update")
    assert run.code == 0, run.stderr
    assert f"32UNA spring: - {NAME}" in run.stdout
    assert f"32UNA spring: + {NEXT_NAME}" in run.stdout
    assert NEXT_NAME in build.lock.read_text()


def test_a_product_that_is_gone_from_the_catalogue_is_named(build: RemoteBuild, stac_server: StacServer) -> None:
    run = build.download("--dry-run")
    assert run.code == 0
    assert build.download("--set", "download.attempts=1", "--set", "download.endpoint=http://127.0.0.1:9").code == 1
    stac_server.clear()
    stac_server.load(collection(), [])
    run = build.download()
    assert run.code == 1
    assert f"{NAME}: is no longer on offer" in run.stderr


def test_a_catalogue_that_is_busy_or_broken(build: RemoteBuild, stac_server: StacServer, proxy: Start) -> None:
    front = proxy(stac_server.url, sequence(Fault.HTTP_429, Fault.HTTP_503, path="/search"))
    front.retry_after = 1
    run = build.download("--dry-run", "--set", f"download.url={front.url}")
    assert run.code == 0, run.stderr
    assert "1 products to fetch" in run.stdout
    gone = build.download("--dry-run", "--set", "download.url=http://127.0.0.1:9")
    assert gone.code == 1
    assert "cannot be reached" in gone.stderr
    assert gone.stderr.count("\n") == 1


def test_a_catalogue_that_names_files_elsewhere_is_refused(build: RemoteBuild, stac_server: StacServer) -> None:
    item = cdse_item(build.remote / BEST.name)
    item["assets"]["B02_10m"]["file:local_path"] = f"{BEST.name}/../../../evil.jp2"
    stac_server.clear()
    stac_server.load(collection(), [item])
    run = build.download()
    assert run.code == 1
    assert "evil.jp2" in run.stderr
    assert run.stderr.count("\n") == 1
    assert list(build.local.folder.parent.rglob("evil*")) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"provider cdse x\n[32UNA spring 0123456789ab]\n../../evil  cloud 1.00  snow -\n", "line 3"),
        (b"what is this\n", "line 1"),
        (b"\xff\xfe\x00", "no text"),
    ],
)
def test_a_damaged_lock(build: RemoteBuild, content: bytes, said: str) -> None:
    build.local.workspace.mkdir()
    build.lock.write_bytes(content)
    run = build.download()
    assert run.code == 1
    assert said in run.stderr
    assert str(build.lock) in run.stderr
    assert run.stderr.count("\n") == 1
