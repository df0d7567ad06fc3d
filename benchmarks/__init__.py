"""Comparisons with other programs; see CONTRIBUTING."""
