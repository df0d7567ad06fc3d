"""The front module: what this plugin offers, and nothing heavy."""

import kldiv

__all__ = ["kldiv_divergences", "kldiv_gallery"]


@kldiv.hookimpl
def kldiv_divergences() -> dict[str, str]:
    """Offers Le Cam's divergence."""
    return {"le_cam": "kldiv_example.le_cam:LeCam"}


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Example plugin": "gallery"}
