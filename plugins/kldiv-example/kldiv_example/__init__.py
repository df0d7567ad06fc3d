"""The front module: what this plugin offers, and nothing heavy."""

import kldiv

__all__ = ["kldiv_divergences", "kldiv_gallery"]

KLDIV_PLUGIN_API = 1


@kldiv.hookimpl
def kldiv_divergences() -> dict[str, str]:
    """Offers the divergence, by the place where it is."""
    return {"le_cam": "kldiv_example.le_cam:LeCam"}


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"kldiv-example": "gallery"}
