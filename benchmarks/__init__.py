"""
What tracing costs: the bare program, eai-autotrace and its peers, side by side in one run.

Two kinds of processes share this package. The *laboratory* (``python -m benchmarks``) runs in the
project's environment. The *measured processes* (`benchmarks.worker`) run in an environment of one
peer each; what they import of this package (peers, operations) needs only the standard library.
"""
