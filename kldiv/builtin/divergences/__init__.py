"""The built-in divergences, one concept a file."""
