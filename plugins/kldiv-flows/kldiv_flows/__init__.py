"""The front module: what this plugin offers, and nothing heavy."""

import kldiv

__all__ = ["kldiv_families", "kldiv_gallery"]


@kldiv.hookimpl
def kldiv_families() -> dict[str, str]:
    """Offers normalizing flows, the quickest first."""
    return {
        name: f"kldiv_flows.families:{item}"
        for name, item in {
            "coupling_flow": "CouplingFlow",
            "masked_autoregressive_flow": "MaskedAutoregressiveFlow",
            "neural_spline_flow": "NeuralSplineFlow",
            "neural_autoregressive_flow": "NeuralAutoregressiveFlow",
        }.items()
    }


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Normalizing flows": "gallery"}
