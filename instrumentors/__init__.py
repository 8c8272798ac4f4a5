"""One module per library. Shared code has a leading underscore."""

from __future__ import annotations
