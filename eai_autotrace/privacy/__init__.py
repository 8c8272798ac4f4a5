"""What is kept out of telemetry: by the name of a value, by its form, or because nobody allowed it."""
