"""Integrals of densities on lines and in planes, to the digits asked for."""
