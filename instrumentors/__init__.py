"""One module for each traced library; private parts stand in folders with a leading underscore."""

from __future__ import annotations
