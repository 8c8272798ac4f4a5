"""
A hook of MkDocs: pages that stand outside of docs/, and links that lead there.

In the repository every link is a relative path. On the site, pages of `PAGES` are shown as well; a
link to one of them, or to the folder that it stands in, leads to the page. A link to any other file
of the repository becomes its text. What leads nowhere is left for MkDocs to report. Lists inside of
lists are indented as MkDocs wants them.
"""
# ruff: noqa: INP001 - a hook, no module

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import TYPE_CHECKING, Any, Final

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security.md",
    "examples/orders/README.md": "examples/orders.md",
    **{
        name: name
        for path in sorted(ROOT.glob("benchmarks/results/**/*.*"))
        for name in [path.relative_to(ROOT).as_posix()]
    },
}
"""Files of the repository, and where they stand on the site."""

_FOLDERS: Final = {dirname(name): shown for name, shown in PAGES.items() if name.endswith(".md")}
_SOURCES: Final = {shown: name for name, shown in PAGES.items()}
_FENCE: Final = re.compile(r"^(```.*?^```)", re.DOTALL | re.MULTILINE)
_INNER_ITEM: Final = re.compile(r"^ {2,3}(?=[-*] )", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<to>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside."""
    for name, shown in PAGES.items():
        files.append(File.generated(config, shown, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Have links lead to pages of the site."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")

    def on_site(link: re.Match[str]) -> str:
        name = normpath(join(dirname(source), link["to"]))
        shown = PAGES.get(name) or _FOLDERS.get(name)
        if shown is None and name.startswith("docs/") and (ROOT / name).is_file():
            shown = name.removeprefix("docs/")
        if shown is not None:
            to = relpath(shown, dirname(here) or ".")
            return f"[{link['text']}]({to}{link['anchor'] or ''})"
        return link["text"] if (ROOT / name).exists() else link[0]

    parts = _FENCE.split(markdown)
    return "".join(
        part if part.startswith("```") else _INNER_ITEM.sub("    ", _LINK.sub(on_site, part))
        for part in parts
    )
