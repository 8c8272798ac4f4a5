"""Children of multiprocessing: they return, exit, raise, and have children of their own."""

from __future__ import annotations

import io
import multiprocessing
import sys

from work import work


def returning(name):
    work(name)


def exiting(name):
    work(name)
    sys.exit(5)


def raising(name):
    work(name)
    sys.stderr = io.StringIO()
    raise ValueError(name)


def having_children(name):
    work(name)
    child = multiprocessing.get_context(sys.argv[1]).Process(target=returning, args=("grandchild",))  # type: ignore[attr-defined]
    child.start()
    child.join()


def main():
    context = multiprocessing.get_context(sys.argv[1])
    work("main")
    functions = (returning, exiting, raising, having_children)
    children = [context.Process(target=f, args=(f.__name__,)) for f in functions]  # type: ignore[attr-defined]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print([child.exitcode for child in children])
    work("after")


if __name__ == "__main__":
    main()
