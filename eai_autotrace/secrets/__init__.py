"""Finds secrets: by the names they have, and by their form."""
