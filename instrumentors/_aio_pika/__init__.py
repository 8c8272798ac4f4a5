"""The parts of the aio-pika instrumentor: publishing, consuming, settling, patterns."""
