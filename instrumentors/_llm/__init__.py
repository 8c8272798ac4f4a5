"""What the instrumentors of LLM clients have in common."""
