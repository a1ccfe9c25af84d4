"""Carry out a campaign: send its requests, change stored posts, undo them."""
