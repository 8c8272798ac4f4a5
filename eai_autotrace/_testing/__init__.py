"""What the test fixtures and the demo are made of: servers, a receiver, and programs."""
