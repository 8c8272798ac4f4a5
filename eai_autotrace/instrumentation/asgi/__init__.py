"""ASGI servers: requests and WebSocket connections from the first to the last message."""
