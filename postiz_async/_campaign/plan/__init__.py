"""Rows to requests: checked, grouped, aligned, packed."""
