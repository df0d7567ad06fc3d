"""Sums over finite and countable supports, to their last term or with a bound on it."""
