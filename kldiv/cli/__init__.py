"""The command line: `main` with all its commands.

``list``, ``show``, ``plugins`` and ``new`` import torch only where they need it, and no broken
plugin keeps them from working.
"""

from __future__ import annotations

from kldiv.cli.computing import evaluate, fit
from kldiv.cli.group import main
from kldiv.cli.listing import list_, show
from kldiv.cli.plugin_commands import check, doctor, new, plugins

__all__ = ["check", "doctor", "evaluate", "fit", "list_", "main", "new", "plugins", "show"]
