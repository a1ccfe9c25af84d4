"""The asyncio client for the Postiz public API, with a scheduler that respects its quota."""
