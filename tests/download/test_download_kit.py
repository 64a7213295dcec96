"""The kit's products by way of a catalogue and an S3: the dataset is the one that is built from the folder itself."""

import os
from pathlib import Path

import pytest

from tests.download.remote_build import environment
from tests.integration.support import REPOSITORY, Built, contents, differing, kit_environment, seasonet
from tests.services.catalogue import cdse_item, collection
from tests.services.s3 import S3Server
from tests.services.stac import StacServer

pytestmark = pytest.mark.xdist_group("stac")


def test_what_is_downloaded_builds_the_same_dataset(kit: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if os.environ.get("SEASONET_BATTERY") != "full":
        pytest.skip("a part of the whole battery (scripts/battery.sh)")
    products = sorted((kit / "products").glob("*.SAFE"))
    kit_build: Built = request.getfixturevalue("kit_build")
    stac_server: StacServer = request.getfixturevalue("stac_server")
    s3_server: S3Server = request.getfixturevalue("s3_server")
    stac_server.load(collection(), [cdse_item(product) for product in products])
    for product in products:
        s3_server.put_product(product)
    (tmp_path / "products").mkdir()
    settings = [
        *(f"paths.workspace={tmp_path / 'work'}", f'products.folders=["{tmp_path / "products"}"]'),
        *(f"download.url={stac_server.url}", f"download.endpoint={s3_server.url}"),
        *("download.cloud_margin=100", "download.snow_margin=100", "download.min_snow=0", "download.cover=12"),
    ]
    options = [f"--set={setting}" for setting in settings]
    keys = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": s3_server.secret_key}
    with environment(SEASONET_STATE=str(tmp_path / "state"), **keys):
        for command in ("download", "run"):
            run = seasonet(command, REPOSITORY / "configs" / "kit.toml", *options, env=kit_environment(kit))
            assert run.returncode == 0, run.stderr
    fetched = sorted(path.name for path in (tmp_path / "products").glob("*.SAFE"))
    assert len(fetched) < len(products), "of a datatake in two baselines only one is fetched"
    assert differing(contents(tmp_path / "work" / "dataset"), contents(kit_build.dataset)) == []
