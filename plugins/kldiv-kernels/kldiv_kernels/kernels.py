r"""Kernels that are functions :math:`\varphi(r^2)` of the squared distance, with derivatives.

Where nobody asks for gradients they write over their argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from torch import Tensor

import kldiv

__all__ = ["KERNELS", "SMOOTH", "check_kernel", "length"]

Kernel = Callable[[Tensor], Tensor]


def gaussian(squares: Tensor) -> Tensor:
    r""":math:`e^{-r^2 / 2}`."""
    if squares.requires_grad:
        return (squares * -0.5).exp()
    return _exponential(squares.mul_(-0.5))


def laplace(squares: Tensor) -> Tensor:
    r""":math:`e^{-r}`."""
    root = length(squares)
    return (-root).exp() if root.requires_grad else _exponential(root.neg_())


def _exponential(x: Tensor) -> Tensor:
    """Written over its argument; numpy's is far quicker."""
    if x.device.type != "cpu":
        return x.exp_()
    np.exp(x.numpy(), out=x.numpy())
    return x


def inverse_multiquadric(squares: Tensor) -> Tensor:
    r""":math:`(1 + r^2)^{-1/2}`, whose tails are heavy."""
    return (1 + squares).rsqrt() if squares.requires_grad else squares.add_(1).rsqrt_()


def length(squares: Tensor) -> Tensor:
    """The root of squared distances; at 0 its gradient is 0."""
    if not squares.requires_grad:
        return squares.sqrt_()
    apart = squares > 0
    root: Tensor = torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0)
    return root


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
