"""Campaigns: many posts from a file, each stored exactly once."""
