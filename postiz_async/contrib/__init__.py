"""Adapters for web frameworks, task queues and observability, each behind an extra or none."""
