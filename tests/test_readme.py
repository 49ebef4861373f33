"""Every page's code runs and prints what the page says."""

import re

import pytest

from tests.documents import ROOT, pages, renewed

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_is_true(page):
    assert page.read_text(encoding="utf-8") == renewed(page), "python -m tests.documents --write"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|href)=\"([^\"#]+)\"", text):
        link = target[0] or target[1]
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_two_commands_are_in_the_readme_and_in_the_checks():
    commands = ("pip install '.[samples]' && tracer demo", "pip install '.[test]' && pytest")
    readme, checks = (ROOT / "README.md", ROOT / ".ci" / "run")
    for command in commands:
        assert command in readme.read_text(encoding="utf-8")
    if checks.exists():  # not in a source archive
        for part in ("pip install --quiet '.[samples]'", "tracer demo", "'.[test]'", "pytest -n"):
            assert part in checks.read_text(encoding="utf-8")
