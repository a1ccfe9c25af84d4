"""Adapters for web frameworks, agents and observability, each behind an extra or none."""
