"""The front module: what this plugin offers, and nothing heavy."""

import kldiv

__all__ = ["kldiv_closed_forms", "kldiv_divergences", "kldiv_gallery"]


@kldiv.hookimpl
def kldiv_divergences() -> dict[str, str | kldiv.Lazy]:
    """Offers distances of optimal transport."""
    return {
        "wasserstein": kldiv.Lazy(
            "kldiv_transport.wasserstein:Wasserstein",
            examples=("wasserstein", "wasserstein(order=2)"),
        ),
        "bures": "kldiv_transport.bures:Bures",
        "sliced_wasserstein": "kldiv_transport.sliced:SlicedWasserstein",
        "sinkhorn": "kldiv_transport.sinkhorn:Sinkhorn",
    }


@kldiv.hookimpl
def kldiv_closed_forms() -> list[kldiv.Lazy]:
    """Offers their closed forms."""
    names = "wasserstein", "bures", "sliced_wasserstein", "sinkhorn"
    return [kldiv.Lazy("kldiv_transport.closed_forms:CLOSED_FORMS", tags=names)]


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Optimal transport": "gallery"}
