"""Work after a run: reports, what people did since, and waiting for publication."""
