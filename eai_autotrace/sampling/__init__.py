"""Which traces are kept: threshold decisions, at a fixed ratio or at so many traces a second."""
