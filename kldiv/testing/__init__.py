"""What authors of plugins test with: the laws of divergences, targets and families.

They are plain calls that return a report, and nothing here needs pytest::

    kldiv.testing.check_divergence("le_cam").raise_for_failures()

With pytest two lines make a case of each law and item: see `kldiv.testing.pytest_cases`. Its
fixtures are in `kldiv.testing.fixtures`.
"""

from __future__ import annotations

from kldiv.testing.checking import check_divergence, check_family, check_target, laws
from kldiv.testing.installing import fake_distribution, installed_in, without_plugins
from kldiv.testing.pair import Pair, Side
from kldiv.testing.plugin import PluginReport, check_plugin
from kldiv.testing.report import Failure, Outcome, Report
from kldiv.testing.table import pairs

__all__ = [
    "Failure",
    "Outcome",
    "Pair",
    "PluginReport",
    "Report",
    "Side",
    "check_divergence",
    "check_family",
    "check_plugin",
    "check_target",
    "fake_distribution",
    "installed_in",
    "laws",
    "pairs",
    "without_plugins",
]
