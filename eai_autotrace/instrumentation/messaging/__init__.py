"""Messages: sent, received, processed and settled."""
