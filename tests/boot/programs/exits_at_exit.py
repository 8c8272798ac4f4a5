"""The first span is made when no Python thread can be started any more."""

from __future__ import annotations

import atexit

from work import work

atexit.register(work, "at exit")
