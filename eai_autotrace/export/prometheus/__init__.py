"""Metrics for Prometheus: one address for all processes of a service."""
