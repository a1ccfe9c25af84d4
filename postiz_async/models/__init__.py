"""Typed values of the API: frozen msgspec structs without behaviour."""
