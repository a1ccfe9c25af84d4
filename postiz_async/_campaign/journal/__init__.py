"""The journal of a campaign: the crash-safe state of each row and each request."""
