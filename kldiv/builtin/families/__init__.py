"""The built-in families, related ones in one file."""
