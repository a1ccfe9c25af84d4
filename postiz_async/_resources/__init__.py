"""The nouns of the API: arguments to calls to values. They know nothing of quota."""
