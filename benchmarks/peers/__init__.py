"""The peers: fits as their users would write them, and the versions that are installed."""
