"""
How many traces the sampler keeps, beside how many it is to keep: ``make bench-sampling``.

The sampler is the one that programs have. Most loads are simulated, with a clock that goes as fast
as the computer can; the last one is real: threads that begin traces at their pace.
"""
