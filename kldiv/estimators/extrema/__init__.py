"""Largest values of log ratios and scores, on lines and over the integers."""
