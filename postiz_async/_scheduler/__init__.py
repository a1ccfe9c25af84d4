"""When a call may leave, and what happens until its answer is there."""
