"""After a run: report, reconcile, export, figures, waiting for publication."""
