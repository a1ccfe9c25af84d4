"""Work after a run: reports, reconciliation, exports, figures, and waiting for publication."""
