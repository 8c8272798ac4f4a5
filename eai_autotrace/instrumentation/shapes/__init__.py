"""Shapes of targets: how the calls of a function become operations."""
