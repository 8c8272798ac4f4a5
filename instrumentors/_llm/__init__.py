"""The parts of the LLM instrumentors: requests, wire formats, streams, content, prices."""
