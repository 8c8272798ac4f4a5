"""
Lean spans: OpenTelemetry's TracerProvider, Tracer and Span, at a fifth of the cost.

The classes are subclasses of the SDK's, so every ``isinstance``, processor, exporter and
instrumentor works with them unchanged. They use the SDK's private names: `self_test` tells whether
these are as expected. So nothing is imported here; each module is imported by its own name.
"""
