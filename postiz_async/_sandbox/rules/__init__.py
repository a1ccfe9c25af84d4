"""What the server refuses, rule by rule."""
