"""Another program in this one's place, here and in a forked child."""

from __future__ import annotations

import os
import sys

from work import work

PROGRAM = [sys.executable, __file__]

if sys.argv[1:] == ["forking"]:
    work("parent")
    pid = os.fork()
    if pid == 0:
        work("child")
        os.execv(sys.executable, [*PROGRAM, "in the child's place"])
    print(os.waitpid(pid, 0)[1])
    work("after")
elif sys.argv[1:] == ["replaced"]:
    work("main")
    try:
        os.execvp("/no/such/program", ["program"])
    except OSError as error:
        print(type(error).__name__, flush=True)
    work("still there")
    os.execlpe(sys.executable, *PROGRAM, "in its place", os.environ)
else:
    work(sys.argv[1])
    sys.exit(6)
