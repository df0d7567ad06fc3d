"""Pictures: what a fit, a training run and a table of divergences look like."""

from __future__ import annotations

__all__: list[str] = []
