"""Read, filter and count texts as the server does."""
