"""The parts of the aio-pika instrumentor."""
