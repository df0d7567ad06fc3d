"""The front module: what this plugin offers, and nothing heavy."""

import kldiv

__all__ = ["kldiv_closed_forms", "kldiv_divergences", "kldiv_gallery"]


@kldiv.hookimpl
def kldiv_divergences() -> dict[str, str]:
    """Offers distances by kernels."""
    return {
        "mmd": "kldiv_kernels.mmd:MMD",
        "energy_distance": "kldiv_kernels.energy:EnergyDistance",
        "kernel_stein": "kldiv_kernels.stein:KernelStein",
    }


@kldiv.hookimpl
def kldiv_closed_forms() -> list[str]:
    """Offers their closed forms."""
    return ["kldiv_kernels.closed_forms:CLOSED_FORMS"]


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Kernels": "gallery"}
