"""The built-in targets, related ones in one file."""
