"""The goals: one comparison a file, each with its peers."""
