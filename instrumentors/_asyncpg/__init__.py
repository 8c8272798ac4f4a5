"""The parts of the asyncpg instrumentor."""
