"""Every page's code runs and prints what the page says."""

import importlib
import re

import pytest

from docs.layers import MODULES
from tests.documents import ROOT, pages, renewed

PAGES = pages()
# A module of ours or something in one; a file or folder of ours, with a * where several are meant.
NAME = re.compile(r"(?<![\w./-])(?:tracer|viz)(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(r"(?<![\w./-])(?:tracer|viz|tests|docs|benchmarks|samples)/[\w./*-]*[\w*]")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_is_true(page):
    assert page.read_text(encoding="utf-8") == renewed(page), "python -m tests.documents --write"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|href)=\"([^\"#]+)\"", text):
        link = target[0] or target[1]
        assert link.startswith("https://") or (page.parent / link).exists(), link


def is_there(name):
    module = name
    while module not in MODULES:
        module = module.rpartition(".")[0]
    found = importlib.import_module(module)
    for part in name.removeprefix(module).split(".")[1:]:
        found = getattr(found, part, None)
    return found is not None


@pytest.mark.parametrize(
    "file", [*PAGES, *MODULES.values()], ids=lambda file: str(file.relative_to(ROOT))
)
def test_what_is_named_is_there(file):
    text = file.read_text(encoding="utf-8")
    assert [name for name in NAME.findall(text) if not is_there(name)] == []
    assert [path for path in PATH.findall(text) if not any(ROOT.glob(path))] == []


def test_the_two_commands_are_in_the_readme_and_in_the_checks():
    commands = ("pip install '.[samples]' && tracer demo", "pip install '.[test]' && pytest")
    readme, checks = (ROOT / "README.md", ROOT / ".ci" / "run")
    for command in commands:
        assert command in readme.read_text(encoding="utf-8")
    if checks.exists():  # not in a source archive
        for part in ("pip install --quiet '.[samples]'", "tracer demo", "'.[test]'", "pytest -n"):
            assert part in checks.read_text(encoding="utf-8")
