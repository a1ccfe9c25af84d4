"""What exactness needs: the journal, marks, matching. Shared by batches and single calls."""
