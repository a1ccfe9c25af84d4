"""Durable hand-over: a web handler hands posts over and answers, a background task sends them."""
