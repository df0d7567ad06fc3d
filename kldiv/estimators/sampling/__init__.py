"""Means over evenly spread or random draws, and what their errors are."""
