"""Texts as the server reads, keeps and counts them."""
