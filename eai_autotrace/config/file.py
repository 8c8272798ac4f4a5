"""
The YAML file.

Its root is ``tracing``. ``${VAR}`` and ``${VAR:-default}`` are replaced after YAML has been parsed,
scalar by scalar, so that a variable's text cannot change the file's structure; ``$$`` is ``$``. A
scalar that is nothing but one reference, unquoted, gets its type from the text that replaces it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from eai_autotrace.config.parse import did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eai_autotrace.config.parse import Kind

_REFERENCE: Final = re.compile(r"\$\$|\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^}\n]*))?\}")
_ROOT: Final = "tracing"
_NULL: Final = "tag:yaml.org,2002:null"
_TEXT: Final = "tag:yaml.org,2002:str"

Found = tuple[str, str]
"""A problem: where, and what."""


def read_file(
    path: str, environ: Mapping[str, str], known: Mapping[str, Kind]
) -> tuple[dict[str, Any], list[Found]]:
    """
    Read a file.

    Args:
        path: Its path.
        environ: The variables for references.
        known: The dotted paths of settings below the root; what lies below a setting is its value.

    Returns:
        The values by dotted path, and what is wrong with the file.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs a start-up 5 ms
            loader = yaml.SafeLoader(file)
            node = loader.get_single_node()
    except (OSError, UnicodeError, yaml.YAMLError) as failure:
        reason = " ".join(str(failure).split())
        return {}, [(path, f"cannot be read: {reason}; the file is ignored")]
    problems: list[Found] = []
    if node is None:
        return {}, problems
    _Substitution(path, environ, loader, problems).visit(node, ())
    try:
        document = loader.construct_document(node)
    except yaml.YAMLError as failure:
        reason = " ".join(str(failure).split())
        return {}, [(path, f"cannot be read: {reason}; the file is ignored")]
    values: dict[str, Any] = {}
    if isinstance(document, dict) and isinstance(document.get(_ROOT) or {}, dict):
        problems += _unknown(path, document, {_ROOT})
        problems += _flatten(path, document.get(_ROOT) or {}, "", known, values)
    else:
        problems.append((path, f"expected a mapping below {_ROOT!r}; the file is ignored"))
    return values, problems


class _Substitution:
    """Replaces references in a tree of YAML nodes."""

    def __init__(
        self, path: str, environ: Mapping[str, str], loader: yaml.SafeLoader, problems: list[Found]
    ) -> None:
        self._path = path
        self._environ = environ
        self._loader = loader
        self._problems = problems

    def visit(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> None:
        if node in above:  # an alias to what contains it
            return
        if isinstance(node, yaml.ScalarNode):
            self._replace(node)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.visit(item, (*above, node))
        elif isinstance(node, yaml.MappingNode):
            self._report_duplicates(node)
            for _, value in node.value:
                self.visit(value, (*above, node))

    def _replace(self, node: yaml.ScalarNode) -> None:
        if "$" not in node.value:
            return
        whole = _REFERENCE.fullmatch(node.value)
        node.value = _REFERENCE.sub(self._text, node.value)
        if node.style is None:
            is_reference = whole is not None and whole[1] is not None
            resolved = self._loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
            node.tag = resolved if is_reference else _TEXT
            if is_reference and not node.value:
                node.tag = _NULL

    def _text(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return self._environ.get(match[1]) or match[2] or ""

    def _report_duplicates(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    message = f"the key {shown(key.value)} stands there twice; the last one applies"
                    self._problems.append((f"{self._path} line {line}", message))
                seen.add(key.value)


def _flatten(
    path: str,
    mapping: dict[Any, Any],
    prefix: str,
    known: Mapping[str, Kind],
    values: dict[str, Any],
) -> Iterator[Found]:
    """Sort values by dotted path, and tell what has no setting."""
    here = {name[len(prefix) :].partition(".")[0] for name in known if name.startswith(prefix)}
    yield from _unknown(f"{path}: {_ROOT}.{prefix}".rstrip("."), mapping, here)
    for key, value in mapping.items():
        dotted = f"{prefix}{key}"
        if dotted in known:
            values[dotted] = value
        elif key in here and isinstance(value, dict):
            yield from _flatten(path, value, f"{dotted}.", known, values)
        elif key in here and value is not None:
            yield (
                f"{path}: {_ROOT}.{dotted}",
                f"expected a mapping, found {shown(value)}; it is ignored",
            )


def _unknown(where: str, mapping: dict[Any, Any], known: set[str]) -> Iterator[Found]:
    for key in mapping:
        if key not in known:
            yield where, f"{shown(key)} is not a setting{did_you_mean(str(key), known)}"
