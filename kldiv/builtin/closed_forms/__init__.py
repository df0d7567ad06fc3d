"""The built-in closed forms, those of one kind of distributions in one file."""
