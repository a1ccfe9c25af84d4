"""The resources of the API: arguments to calls, answers to values; nothing here knows the quota."""
