"""The locks hold what the project needs, and no committed file tells where packages or this checkout come from."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-ukis.lock", "requirements-services.lock")
SERVICES = REPOSITORY / "tests" / "services" / "requirements.in"
UKIS = PROJECT["optional-dependencies"]["ukis"]
EXTRAS = [need for name, needs in PROJECT["optional-dependencies"].items() if name != "ukis" for need in needs]


def locked(file: str) -> set[str]:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    return {re.sub(r"[._-]+", "-", re.split(r"[\[<>=!~; ]", need)[0]).lower() for need in requirements}


@pytest.mark.parametrize(
    ("file", "needs"),
    [
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-dev.lock", [*PROJECT["dependencies"], *EXTRAS]),
        ("requirements-ukis.lock", [*PROJECT["dependencies"], *UKIS]),
        ("requirements-services.lock", re.findall(r"^\w.*", SERVICES.read_text(encoding="utf-8"), re.MULTILINE)),
    ],
)
def test_the_lock_holds_every_dependency(file: str, needs: list[str]) -> None:
    assert names(needs) - locked(file) == set(), "run scripts/lock.sh"


def test_every_locked_package_has_hashes() -> None:
    for file in LOCKS:
        blocks = re.split(r"^(?=[a-z0-9.-]+==)", (REPOSITORY / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert all("--hash=sha256:" in block for block in blocks[1:])


def test_what_checks_install_is_without_the_heavy_network() -> None:
    assert not {"ukis-csmask", "onnxruntime"} & locked("requirements-dev.lock")


def test_no_lock_names_a_registry() -> None:
    for file in LOCKS:
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--index-url|--find-links|file:", text)


def test_there_is_no_uv_lock() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, check=False, capture_output=True, text=True
    ).stdout.split()
    assert "uv.lock" not in tracked
