"""The rules by which the server refuses requests."""
