"""The documents say what the program does."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import click
import pytest

from seasonet_build.cli import cli
from seasonet_build.errors import ExitCode

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    spec = spec_from_file_location("make_docs", REPOSITORY / "scripts" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_reference_is_what_the_commands_say(make_docs: ModuleType) -> None:
    assert (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8") == make_docs.cli_reference()


def test_the_configuration_reference_is_what_the_models_say(make_docs: ModuleType) -> None:
    assert (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8") == make_docs.configuration_reference()


def test_the_readme_lists_every_exit_code() -> None:
    listed = re.findall(r"^\| (\d+) \|", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [str(int(code)) for code in ExitCode]


def test_the_commands_of_the_readme_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^    (?:\w+=\S+ )?seasonet-build (\w+)", text, re.MULTILINE))
    assert {"demo", "run", "preview", "init", "config", "classes"} <= commands
    assert commands <= set(cli.list_commands(click.Context(cli)))
    for command in sorted(commands):
        assert cli.get_command(click.Context(cli), command) is not None


def test_links_between_documents_lead_somewhere() -> None:
    for document in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
