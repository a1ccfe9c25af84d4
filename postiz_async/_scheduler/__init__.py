"""Admission of calls by the quota, sending, and retries."""
