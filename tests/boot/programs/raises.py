from __future__ import annotations

from work import work

work("main")
raise ValueError("theirs")
