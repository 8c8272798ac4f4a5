"""Programs that a program starts, with and without Python code between fork and exec."""

from __future__ import annotations

import os
import subprocess
import sys

from work import work

if sys.argv[1:]:
    work(sys.argv[1])
    sys.exit(6)

work("main")
for name, options in {"plain": {}, "prepared": {"preexec_fn": os.setsid}}.items():
    done = subprocess.run([sys.executable, __file__, name], check=False, **options)
    print(done.returncode)
