"""The Copernicus Data Space over HTTPS: products' files as OData nodes, for holders of bearer tokens."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_input.small_build import BEST, assert_one_line
from tests.download.remote_build import RemoteBuild, environment, make_remote_build, offer_by_https
from tests.services.faults import Fault, FaultProxy, always, none, sequence
from tests.services.odata import ODataServer
from tests.services.stac import StacServer

pytestmark = pytest.mark.xdist_group("stac")

NAME = BEST.name.removesuffix(".SAFE")
FILES = 16
"""What is read of a product: 12 bands, SCL, and three files of metadata."""


@pytest.fixture
def front(odata_server: ODataServer, proxy: Callable[..., FaultProxy]) -> FaultProxy:
    """Stands before the file server; tokens come past it."""
    return proxy(odata_server.url)


@pytest.fixture
def build(
    stac_server: StacServer, odata_server: ODataServer, front: FaultProxy, tmp_path: Path
) -> Iterator[RemoteBuild]:
    build = make_remote_build(tmp_path)
    offer_by_https(build, stac_server, odata_server, front.url)
    account = {"CDSE_USERNAME": odata_server.user, "CDSE_PASSWORD": odata_server.password}
    with environment(SEASONET_STATE=str(tmp_path / "state"), **account):
        yield build


def once_at(nth: int, happens: Callable[[], None]) -> Callable[[object], Fault]:
    """A plan without faults, but for what happens when so many files have been asked for."""
    asked = []

    def plan(request: object) -> Fault:
        asked.append(request)
        if len(asked) == nth:
            happens()
        return Fault.NONE

    return plan


def test_files_come_as_nodes_after_a_single_login(
    build: RemoteBuild, odata_server: ODataServer, front: FaultProxy
) -> None:
    run = build.download()
    assert (run.code, run.stderr) == (0, "")
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert odata_server.tokens.given == {"password": 1}
    assert len(front.log) == FILES
    assert all(f"/Nodes({BEST.name})/Nodes(" in served.path for served in front.log)


def test_a_token_that_ends_early_is_renewed_once_for_all_threads(
    build: RemoteBuild, odata_server: ODataServer, front: FaultProxy
) -> None:
    front.plan = once_at(8, odata_server.expire_tokens)
    run = build.download()
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert 401 in {served.status for served in front.log}
    assert odata_server.tokens.given == {"password": 1, "refresh_token": 1}


def test_where_the_refresh_is_refused_the_password_is_sent_again(
    build: RemoteBuild, odata_server: ODataServer, front: FaultProxy
) -> None:
    front.plan = once_at(8, lambda: odata_server.expire_tokens(refresh=True))
    run = build.download()
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert odata_server.tokens.given == {"password": 2}


def test_tokens_are_renewed_before_they_end(build: RemoteBuild, odata_server: ODataServer, front: FaultProxy) -> None:
    odata_server.tokens.life = 3
    front.plan = once_at(FILES - 1, lambda: time.sleep(1.2))
    run = build.download("--set", "download.connections=1")
    assert run.code == 0, run.stderr
    assert odata_server.tokens.given["password"] == 1
    assert odata_server.tokens.given["refresh_token"] >= 1
    assert {served.status for served in front.log} == {200}


def test_tokens_refused_in_mid_run_do_no_harm(build: RemoteBuild, odata_server: ODataServer, front: FaultProxy) -> None:
    front.plan = sequence(Fault.HTTP_401, path="B0[2-4]_10m")
    run = build.download()
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])
    given = odata_server.tokens.given
    assert given["password"] == 1
    assert 1 <= given["refresh_token"] <= 3


def test_tokens_that_are_never_taken_end_in_a_failure(
    build: RemoteBuild, odata_server: ODataServer, front: FaultProxy
) -> None:
    front.plan = always(Fault.HTTP_401)
    run = build.download("--set", "download.attempts=2")
    assert run.code == 1
    assert "did not take the token (401)" in run.stderr
    assert build.there() == []
    assert odata_server.tokens.given.total() <= 2 * FILES
    front.plan = none
    assert build.download().code == 0


def test_a_wrong_password_is_said_and_shown_nowhere(build: RemoteBuild, odata_server: ODataServer) -> None:
    with environment(CDSE_PASSWORD="hunter2-not-this-one"):
        assert_one_line(build.download(), 2, "does not take CDSE_USERNAME and CDSE_PASSWORD")
        loud = build.download("-vv", "--json")
    assert loud.code == 2
    assert "hunter2" not in loud.stdout + loud.stderr
    assert odata_server.tokens.given == {}
    assert build.there() == []


@pytest.mark.parametrize("missing", ["CDSE_USERNAME", "CDSE_PASSWORD"])
def test_a_missing_account(build: RemoteBuild, missing: str) -> None:
    with environment(**{missing: ""}):
        assert_one_line(build.download(), 2, "set CDSE_USERNAME and CDSE_PASSWORD")


def test_a_server_of_tokens_that_is_away(build: RemoteBuild) -> None:
    run = build.download("--set", "download.token_url=http://127.0.0.1:9/token", "--set", "download.attempts=2")
    assert run.code == 1
    assert "the server of the tokens cannot be reached" in run.stderr


def test_an_interrupt_during_a_silent_transfer(
    build: RemoteBuild, odata_server: ODataServer, front: FaultProxy
) -> None:
    """The program ends at once, shows no secret while it runs, and goes on with the byte after the last."""
    front.plan = sequence(Fault.STALL, path="B02_10m")
    command = [sys.executable, "-m", "seasonet_build", "download", str(build.local.config), "--workers", "1"]
    running = subprocess.Popen(
        [*command, "--set", "download.timeout_s=60"], cwd=build.local.folder, stderr=subprocess.PIPE, text=True
    )
    try:
        part = wait_for(lambda: next((p for p in stalled(build) if p.stat().st_size), None))
        processes = subprocess.run(["ps", "-A", "-o", "args="], check=True, capture_output=True, text=True).stdout
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, stderr = running.communicate(timeout=20)
    finally:
        running.kill()
    assert time.monotonic() - began < 5
    assert running.returncode == 130
    assert stderr.strip() == "error: interrupted; run the same command again to go on"
    assert "seasonet_build" in processes
    assert odata_server.password not in processes
    assert build.there() == []
    kept = part.stat().st_size
    run = build.download()
    assert run.code == 0, run.stderr
    build.assert_products_are_those_of_the_provider([BEST.name])
    assert [served.range for served in front.log if "B02_10m" in served.path] == [None, f"bytes={kept}-"]


def stalled(build: RemoteBuild) -> list[Path]:
    return list((build.local.products / ".partial").rglob("*B02_10m.jp2.part"))


def wait_for(look: Callable[[], Path | None]) -> Path:
    """Return what appears, once nothing more has been written to it for a while."""
    end, size = time.monotonic() + 30, -1
    while time.monotonic() < end:
        found = look()
        if found is not None and found.stat().st_size == size:
            return found
        size = -1 if found is None else found.stat().st_size
        time.sleep(0.3)
    raise AssertionError("nothing came")


def test_events_are_json_one_a_line(build: RemoteBuild) -> None:
    run = build.download("--json")
    assert (run.code, run.stderr) == (0, "")
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert {event["event"] for event in events} == {"plan", "file", "summary"}
    assert sum(event["files"] for event in events if event["event"] == "plan") == FILES
    files = [event for event in events if event["event"] == "file"]
    assert len({event["path"] for event in files}) == FILES
    assert all(event["failure"] is None and event["attempts"] == 1 for event in files)
    assert events[-1]["states"] == {NAME: "fetched"}
    assert events[-1]["bytes_fetched"] == sum(event["received"] for event in files)
