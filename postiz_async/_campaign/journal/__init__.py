"""The journal of a campaign: what became of each row, and of each request, through any crash."""
