"""
Modules whose locks a fork holds are imported, then a child of each kind works and has a child.

The first argument says how children begin, the others are modules to import.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading

from work import work


def child(name):
    work(name)


def having_child(name):
    work(name)
    run(f"{name}'s")


def run(name, function=child):
    process = context.Process(target=function, args=(name,))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode


def fork_in_thread():
    pid = os.fork()
    if pid == 0:
        work("child of a thread")
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)


method, *modules = sys.argv[1:]
context = multiprocessing.get_context(method)

if __name__ == "__main__":
    if method == "forkserver":
        context.set_forkserver_preload(modules)
    for module in modules:
        importlib.import_module(module)
    run("child")
    run("parent", having_child)
    if method == "fork":
        thread = threading.Thread(target=fork_in_thread)
        thread.start()
        thread.join()
    print("done")
