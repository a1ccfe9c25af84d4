"""Work after a run: reports, reconciliation, and waiting for publication."""
