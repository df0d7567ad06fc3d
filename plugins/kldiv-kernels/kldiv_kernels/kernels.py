r"""Kernels that are functions of the squared distance :math:`r^2`, with derivatives.

In sums over pairs they are functions of :math:`t = -r^2 / 2`, which matrix products give, and
write over their argument where nobody asks for gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from torch import Tensor

import kldiv

__all__ = ["KERNELS", "SMOOTH", "check_kernel", "length"]

Kernel = Callable[[Tensor], Tensor]


def gaussian(t: Tensor) -> Tensor:
    r""":math:`e^{-r^2 / 2}`."""
    return t.exp() if t.requires_grad else _over(np.exp, Tensor.exp_, t)


def laplace(t: Tensor) -> Tensor:
    r""":math:`e^{-r}`."""
    root = length(t)
    return (-root).exp() if root.requires_grad else _over(np.exp, Tensor.exp_, root.neg_())


def inverse_multiquadric(t: Tensor) -> Tensor:
    r""":math:`(1 + r^2)^{-1/2}`, whose tails are heavy."""
    return (1 - 2 * t).rsqrt() if t.requires_grad else t.mul_(-2).add_(1).rsqrt_()


def length(t: Tensor) -> Tensor:
    """The distance; where it is 0 so is its gradient."""
    if not t.requires_grad:
        return _over(np.sqrt, Tensor.sqrt_, t.mul_(-2).relu_())
    apart = t < 0
    root: Tensor = torch.where(apart, (-2 * torch.where(apart, t, -1.0)).sqrt(), 0.0)
    return root


def _over(fast: np.ufunc, slow: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """A function written over its argument: by numpy, which is far quicker, where it can be."""
    if t.device.type != "cpu":
        return slow(t)
    fast(t.numpy(), out=t.numpy())
    return t


def _of_gaussian(squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value = (squares * -0.5).exp()
    return value, -value / 2, value / 4


def _of_inverse_multiquadric(squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value = (1 + squares).rsqrt()
    cube = value.pow(3)
    return value, -cube / 2, 0.75 * cube * value.square()


KERNELS: Mapping[str, Kernel] = {
    "gaussian": gaussian,
    "laplace": laplace,
    "inverse_multiquadric": inverse_multiquadric,
}

SMOOTH: Mapping[str, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    "gaussian": _of_gaussian,
    "inverse_multiquadric": _of_inverse_multiquadric,
}


def check_kernel(kernel: object, bandwidth: float, known: Mapping[str, object]) -> None:
    """Raises unless a kernel is known and its bandwidth positive."""
    if kernel not in known:
        raise kldiv.InvalidArgument(f"kernel must be one of {', '.join(known)}, got {kernel!r}")
    if not 0 < bandwidth < float("inf"):
        raise kldiv.InvalidArgument(f"bandwidth must be positive, got {bandwidth}")
