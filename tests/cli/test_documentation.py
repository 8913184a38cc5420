"""docs/cli.md names every command, every option and every key; the README's commands exist."""

import re
from pathlib import Path

import click
import pytest

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.main import medxfer

ROOT = Path(__file__).resolve().parents[2]
COMMON = {"--workspace", "--json", "--help"}


def commands(group: click.Group, path: str = "medxfer") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, entry in group.commands.items():
        if isinstance(entry, click.Group):
            found |= commands(entry, f"{path} {name}")
        else:
            found[f"{path} {name}"] = entry
    return found


def sections() -> dict[str, str]:
    text = (ROOT / "docs" / "cli.md").read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {re.sub(r" [A-Z-].*", "", part.splitlines()[0]): part for part in parts}


def test_every_command_has_its_section_and_no_other() -> None:
    assert sections().keys() == commands(medxfer).keys()


@pytest.mark.parametrize("name", commands(medxfer))
def test_every_option_is_documented(name: str) -> None:
    options = {
        flag for parameter in commands(medxfer)[name].params for flag in parameter.opts
        if flag.startswith("--")
    }  # fmt: skip
    documented = set(re.findall(r"--[a-z][a-z-]*", sections()[name]))
    assert options - COMMON == documented


def test_every_command_of_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    called = re.findall(r"bin/(medxfer [a-z ]+?)(?: [~A-Z-]|$)", readme, flags=re.MULTILINE)
    assert len(called) >= 5
    known = commands(medxfer)
    assert all(any(call.startswith(name) for name in known) for call in called), called


def test_the_readme_opens_with_the_essentials() -> None:
    opening = (ROOT / "README.md").read_text()[:1500]
    for part in ("make app", "make test", RESEARCH_USE_ONLY, "docs/screens/"):
        assert part in opening


def test_pictures_and_pages_that_the_documents_name_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
