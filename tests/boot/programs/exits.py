from __future__ import annotations

import sys

from work import work

work("main")
sys.exit(3)
