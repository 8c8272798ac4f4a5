"""The parts of the logging instrumentor."""
