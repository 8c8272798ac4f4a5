"""What the documents say leads somewhere: links, headings, and the names of settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What is made or installed, by its folder's name; folders that begin with a dot are left out too.
MADE = {"build", "dist", "node_modules", "site"}
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
CONFIGURATION = ROOT / "docs" / "reference" / "configuration.md"
# Read by OpenTelemetry's loader or its API, before there is a configuration of ours.
OPENTELEMETRYS_OWN = {
    "OTEL_PROPAGATORS": "opentelemetry.propagate reads it when it is imported",
    "OTEL_PYTHON_CONFIGURATOR": "the loader chooses the configurator by it",
    "OTEL_PYTHON_DISTRO": "the loader chooses the distro by it",
}


def _documents():
    for path in sorted(ROOT.rglob("*.md")):
        folders = path.relative_to(ROOT).parts[:-1]
        if not any(name.startswith(".") or name in MADE for name in folders):
            yield path


DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in _documents()]


def _prose(path):
    """A document without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def _links(path):
    """The relative links of a document: where to, and the anchor."""
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(path)):
        if not re.match(r"[a-z]+:", link):
            target, _, anchor = link.partition("#")
            yield link, (path.parent / target).resolve() if target else path, anchor


def _anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    found = {}
    for heading in re.findall(r"^#+ +(.+?) *#*$", _prose(path), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found[slug] = found.get(slug, -1) + 1
        yield f"{slug}-{count}" if count else slug


def _variables(text):
    """Names of environment variables; ``OTEL_BLRP_*`` and ``OTEL_...`` are none."""
    return set(re.findall(r"\b(?:OTEL|EAI)_[A-Z0-9_]*[A-Z0-9]\b", text))


def test_the_documents_are_found():
    """
    The other tests look at the documents of the repository, and at nothing that is installed.
    """
    assert {"README.md", "CONTRIBUTING.md", "docs/index.md"} <= set(DOCUMENTS)
    assert not [name for name in DOCUMENTS if "site-packages" in name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_something(name):
    """
    A relative link leads to a file or a folder, and where it has an anchor, to a heading of it.
    """
    dead = [
        link
        for link, target, anchor in _links(ROOT / name)
        if not target.exists() or (anchor and anchor not in set(_anchors(target)))
    ]

    assert dead == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_stay_in_the_repository(name):
    """
    No link leads out of the repository by its path: it would lead nowhere for anybody else.
    """
    links = {link: target for link, target, _ in _links(ROOT / name)}

    assert [link for link, target in links.items() if not target.is_relative_to(ROOT)] == []


def test_the_start_leads_to_every_page():
    """
    Whoever opens the documentation finds each of its pages by a question.
    """
    start = ROOT / "docs" / "index.md"
    pages = {path for path in _documents() if path.is_relative_to(start.parent)}

    assert pages - {target for _, target, _ in _links(start)} == {start}


@pytest.mark.parametrize("path", HOW_TO, ids=lambda path: path.stem)
def test_every_variable_is_a_setting(path):
    """
    A variable that a how-to names stands in the reference, or is OpenTelemetry's own.
    """
    known = _variables(CONFIGURATION.read_text()) | OPENTELEMETRYS_OWN.keys()

    assert _variables(path.read_text()) - known == set()


def test_the_exceptions_are_needed():
    """
    What is listed as OpenTelemetry's own is named in a how-to, and has not become a setting of ours.
    """
    named = set().union(*(_variables(path.read_text()) for path in HOW_TO))

    assert OPENTELEMETRYS_OWN.keys() - named == set()
    assert OPENTELEMETRYS_OWN.keys() & _variables(CONFIGURATION.read_text()) == set()
