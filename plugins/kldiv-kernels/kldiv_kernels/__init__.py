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
def kldiv_closed_forms() -> list[kldiv.Lazy]:
    """Offers their closed forms."""
    names = "mmd", "energy_distance"
    return [kldiv.Lazy("kldiv_kernels.closed_forms:CLOSED_FORMS", tags=names)]


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Kernels": "gallery"}
