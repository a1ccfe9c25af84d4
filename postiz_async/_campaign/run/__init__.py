"""Carry out a campaign: send its requests, update stored posts, undo them."""
