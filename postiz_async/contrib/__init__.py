"""Adapters for web frameworks and observability, each behind an extra or none."""
