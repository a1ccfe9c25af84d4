"""Handlers of the routes, for requests that have passed the pipeline."""
