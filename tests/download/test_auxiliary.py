"""BKG's land cover and region types, fetched from a server of files."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.bad_input.command_line import Run, command_line
from tests.bad_input.small_build import CONFIG, assert_one_line
from tests.download.remote_build import environment
from tests.services.faults import Fault, FaultProxy, always, none, sequence
from tests.services.odata import ODataServer


def archive(content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("layer.shp", content)
    return buffer.getvalue()


CLC5, GE250, OTHER = archive("land cover " * 20_000), archive("regions " * 10_000), archive("another edition " * 9_000)


@dataclass(frozen=True)
class Auxiliary:
    """A configuration's folder and files, those on the server, and the proxy in front of it."""

    folder: Path
    clc5: Path
    ge250: Path
    lock: Path
    served: Path
    front: FaultProxy

    def download(self, *args: object) -> Run:
        return command_line().run("download", self.folder / "build.toml", "--auxiliary", *args, cwd=self.folder)

    def assert_there(self) -> None:
        assert self.clc5.read_bytes() == CLC5
        assert self.ge250.read_bytes() == GE250
        assert sorted(path.name for path in self.clc5.parent.iterdir()) == [self.clc5.name, self.ge250.name]


@pytest.fixture
def auxiliary(odata_server: ODataServer, proxy: Callable[..., FaultProxy], tmp_path: Path) -> Iterator[Auxiliary]:
    served, folder, front = tmp_path, tmp_path / "build", proxy(odata_server.url)
    folder.mkdir()
    for name, content in (("clc5.zip", CLC5), ("ge250.zip", GE250)):
        (served / name).write_bytes(content)
        odata_server.add_public(name, served / name)
    lines = [
        "[auxiliary]",
        *(f'{name}_url = "{front.url}/public/{name}.zip"' for name in ("clc5", "ge250")),
        f'clc5_sha256 = "{sha256(CLC5).hexdigest()}"',
        "[download]\ntimeout_s = 3\nattempts = 4\n",
    ]
    (folder / "build.toml").write_text(CONFIG.replace("map.gpkg", "sources/clc5.zip") + "\n".join(lines))
    with environment(SEASONET_STATE=str(tmp_path / "state")):
        places = folder / "sources/clc5.zip", folder / "sources/ge250.utm32s.shape.zip", folder / "work/sources.lock"
        yield Auxiliary(folder, *places, served, front)


def test_both_are_fetched_and_their_licence_is_told(auxiliary: Auxiliary) -> None:
    run = auxiliary.download()
    assert (run.code, run.stderr) == (0, "")
    auxiliary.assert_there()
    assert "clc5: fetched\nge250: fetched\n" in run.stdout
    assert "GeoBasis-DE / BKG" in run.stdout
    assert "dl-de/by-2-0" in run.stdout
    text = auxiliary.lock.read_text()
    assert f"clc5  {sha256(CLC5).hexdigest()}  {len(CLC5)}  {auxiliary.front.url}/public/clc5.zip" in text
    assert f"ge250  {sha256(GE250).hexdigest()}  {len(GE250)}  " in text


def test_a_second_run_fetches_nothing(auxiliary: Auxiliary) -> None:
    assert auxiliary.download().code == 0
    auxiliary.front.clear()
    run = auxiliary.download()
    assert (run.code, run.stderr) == (0, "")
    assert "clc5: there\nge250: there\n" in run.stdout
    assert auxiliary.front.log == []


def test_what_breaks_off_goes_on(auxiliary: Auxiliary) -> None:
    auxiliary.front.plan = sequence(Fault.TRUNCATE, path="clc5")
    run = auxiliary.download()
    assert run.code == 0, run.stderr
    auxiliary.assert_there()
    assert [served.range is None for served in auxiliary.front.log if "clc5" in served.path] == [True, False]


def test_what_broke_off_in_one_run_goes_on_in_the_next(auxiliary: Auxiliary) -> None:
    auxiliary.front.plan = sequence(Fault.TRUNCATE, *[Fault.HTTP_500] * 2, path="clc5")
    run = auxiliary.download("--set", "download.attempts=1")
    assert run.code == 3
    assert "clc5: failed: " in run.stdout
    assert "ge250: fetched" in run.stdout
    assert not auxiliary.clc5.exists()
    auxiliary.front.plan = none
    again = auxiliary.download()
    assert again.code == 0, again.stderr
    auxiliary.assert_there()
    assert [served.range is None for served in auxiliary.front.log if "clc5" in served.path] == [True, False]


def test_what_does_not_have_the_checksum_is_not_kept(auxiliary: Auxiliary) -> None:
    (auxiliary.served / "clc5.zip").write_bytes(OTHER)
    run = auxiliary.download()
    assert run.code == 3
    (line,) = run.stderr.splitlines()
    assert "clc5: failed: the bytes do not have the sha256 checksum" in line
    assert "auxiliary.clc5_sha256" in line
    assert [path.name for path in auxiliary.clc5.parent.iterdir()] == [auxiliary.ge250.name]
    assert "clc5" not in auxiliary.lock.read_text()
    assert auxiliary.download("--set", f"auxiliary.clc5_sha256={sha256(OTHER).hexdigest()}").code == 0
    assert auxiliary.clc5.read_bytes() == OTHER


def test_the_first_checksum_of_the_regions_is_held_against_the_server_later(auxiliary: Auxiliary) -> None:
    assert auxiliary.download().code == 0
    auxiliary.ge250.unlink()
    (auxiliary.served / "ge250.zip").write_bytes(OTHER)
    run = auxiliary.download()
    assert run.code == 3
    assert "ge250: failed: " in run.stderr
    assert "sources.lock" in run.stderr
    assert not auxiliary.ge250.exists()
    assert sha256(GE250).hexdigest() in auxiliary.lock.read_text()
    (auxiliary.served / "ge250.zip").write_bytes(GE250)
    assert auxiliary.download().code == 0
    auxiliary.assert_there()


def test_a_file_of_the_users_own_is_left_alone(auxiliary: Auxiliary) -> None:
    auxiliary.clc5.parent.mkdir()
    auxiliary.clc5.write_bytes(OTHER)
    run = auxiliary.download()
    assert run.code == 3
    (line,) = run.stderr.splitlines()
    assert line.startswith("WARNING: clc5: failed: ")
    assert line.removeprefix("WARNING: ") in run.stdout.splitlines()
    assert str(auxiliary.clc5) in line
    assert "move it away" in line
    assert "auxiliary.clc5_sha256" in line
    assert auxiliary.clc5.read_bytes() == OTHER
    assert auxiliary.ge250.read_bytes() == GE250
    assert [served for served in auxiliary.front.log if "clc5" in served.path] == []
    assert auxiliary.download("--set", f"auxiliary.clc5_sha256={sha256(OTHER).hexdigest()}").code == 0


def test_a_server_that_has_nothing(auxiliary: Auxiliary) -> None:
    auxiliary.front.plan = always(Fault.HTTP_500)
    run = auxiliary.download("--set", "download.attempts=1", "-q")
    assert (run.code, run.stderr) == (1, "")
    assert run.stdout.count("failed: the server answered 500") == 2


def test_a_page_in_place_of_an_archive_is_not_kept(auxiliary: Auxiliary) -> None:
    """Of the region types no checksum is known at first: that of a page of an error must not become it."""
    (auxiliary.served / "ge250.zip").write_text("<html>Under maintenance</html>")
    run = auxiliary.download()
    assert run.code == 3
    assert "no zip archive" in run.stderr
    assert not auxiliary.ge250.exists()
    assert "ge250" not in auxiliary.lock.read_text()
    (auxiliary.served / "ge250.zip").write_bytes(GE250)
    assert auxiliary.download().code == 0
    auxiliary.assert_there()


@pytest.mark.parametrize(
    ("content", "said"), [(b"clc5  98a6  12  https://x/y\n", "line 1"), (b"\xff\xfe\x00", "no text")]
)
def test_a_damaged_lock(auxiliary: Auxiliary, content: bytes, said: str) -> None:
    auxiliary.lock.parent.mkdir()
    auxiliary.lock.write_bytes(content)
    assert_one_line(auxiliary.download(), 1, auxiliary.lock, said, "delete")
    assert auxiliary.lock.read_bytes() == content


def test_a_place_that_is_no_archive(auxiliary: Auxiliary) -> None:
    run = auxiliary.download("--set", f"labels.source={auxiliary.folder / 'map.gpkg'}")
    assert_one_line(run, 2, "labels.source", "map.gpkg", ".zip")
    assert auxiliary.front.log == []


def test_events_are_json_one_a_line(auxiliary: Auxiliary) -> None:
    run = auxiliary.download("--json")
    assert (run.code, run.stderr) == (0, "")
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert [event["event"] for event in events] == ["plan", "file", "file", "summary"]
    assert events[-1]["auxiliary"] == {"clc5": "fetched", "ge250": "fetched"}
    assert "BKG" in events[-1]["licence"]
    assert {event["received"] for event in events[1:3]} == {len(CLC5), len(GE250)}
