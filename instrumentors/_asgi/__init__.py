"""What FastAPI and Starlette have in common: descriptions of requests, routes, settings."""
