"""How the source is laid out: what a newcomer can rely on."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"eai_autotrace": "eai_autotrace", "instrumentors": "eai_autotrace.instrumentors"}
# What is a table has as many lines as rows.
TABLES = {
    "eai_autotrace._testing.llm_replies",
    "eai_autotrace.config.settings",
    "eai_autotrace.instrumentors._llm.price_table",
    "eai_autotrace.semconv.metrics",
}
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 45


def _modules():
    for folder, package in ROOMS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            name = ".".join(part for part in parts if part != "__init__")
            yield name, path.read_text()


SOURCES = dict(_modules())
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}


def _imports(tree):
    """The modules of ours that one imports, for types alone as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in SOURCES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_run_one_way():
    """
    No module needs, directly or through others, one that needs it; types count.
    """
    graph = {name: set(_imports(tree)) & set(SOURCES) - {name} for name, tree in TREES.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_each_class_has_a_name_of_its_own():
    """
    A name that somebody reads in a log or searches for leads to one class.
    """
    where = defaultdict(list)
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(name)

    assert {name: modules for name, modules in where.items() if len(modules) > 1} == {}


def test_modules_and_functions_fit_a_reading():
    """
    No module has more than 250 lines, but tables; no function more than 45.
    """
    long = {
        name: source.count("\n")
        for name, source in SOURCES.items()
        if source.count("\n") > MOST_LINES and name not in TABLES
    }
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long[f"{name}.{node.name}"] = lines

    assert long == {}


def test_the_core_is_small():
    """
    The room of the core has at most 14 modules beside its folders.
    """
    room = ROOT / "eai_autotrace" / "instrumentation"

    modules = [path.name for path in room.glob("*.py") if path.name != "__init__.py"]
    folders = [path.name for path in room.iterdir() if (path / "__init__.py").exists()]

    assert len(modules) <= 14, modules
    assert sorted(folders) == ["asgi", "messaging", "shapes"]


def test_the_core_knows_no_library():
    """
    The core names no library that is traced, neither in an import nor in a string.
    """
    libraries = ("starlette", "fastapi", "asyncpg", "aio_pika", "aiormq", "openai", "anthropic")
    found = set()
    for name, tree in TREES.items():
        if not name.startswith("eai_autotrace.instrumentation"):
            continue
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found |= {
            (name, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and any(library in node.value.lower() for library in libraries)
        }

    assert found == set()
