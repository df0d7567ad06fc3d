"""What authors of plugins test with: the laws that a divergence must obey, as plain calls.

Nothing here needs pytest. In a test file two lines are enough::

    def test_it_obeys_the_laws():
        kldiv.testing.check_divergence("le_cam").raise_for_failures()
"""

from __future__ import annotations

from kldiv.testing.checking import check_divergence, laws
from kldiv.testing.installing import fake_distribution, installed_in, without_plugins
from kldiv.testing.pair import Pair, Side
from kldiv.testing.report import Failure, Outcome, Report
from kldiv.testing.table import pairs

__all__ = [
    "Failure",
    "Outcome",
    "Pair",
    "Report",
    "Side",
    "check_divergence",
    "fake_distribution",
    "installed_in",
    "laws",
    "pairs",
    "without_plugins",
]
