"""Durable hand-over of posts: a web handler stores them, a background task sends them."""
