r"""Functions of numpy arrays inside of torch's graph, differentiated numerically.

A derivative is the central difference of fourth order,

.. math:: f'(x) \approx \frac{8\,[f(x + h) - f(x - h)] - [f(x + 2h) - f(x - 2h)]}{12\,h},

whose error :math:`h^4 |f^{(5)}| / 30 + 1.5\,\epsilon |f| / h` is least, about
:math:`\epsilon^{4/5}`, for steps h of a thousandth of the scale on which f varies.

References:
    Handbook of Mathematical Functions (Abramowitz and Stegun, 1964), table 25.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Array", "NumpyFunction"]

Array = NDArray[np.float64]

_SHARE = 1e-3  # of the scale on which a function varies: the step of a difference


@dataclass(frozen=True)
class NumpyFunction:
    r"""A real function of points, called through numpy and differentiable any number of times.

    Arguments:
        function: From points of shape :math:`(N, *, E)` to numbers of shape :math:`(N, *)`.
        scale: The scale on which it varies about such points, with their shape.
        vector: Whether points are vectors, of event shape :math:`E = (d)`.
    """

    function: Callable[[Array], Array]
    scale: Callable[[Array], Array]
    vector: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """The values at points, in float64 and with a graph where the points have one."""
        result: Tensor = _Evaluation.apply(x.double(), self)  # type: ignore[no-untyped-call]
        return result

    def derivative(self, axis: int) -> NumpyFunction:
        """The derivative along an axis of the points; the only one, where they are scalars."""

        def difference(x: Array) -> Array:
            step = _SHARE * self.scale(x)
            width = step[..., axis] if self.vector else step
            if self.vector:
                step = step * (np.arange(step.shape[-1]) == axis)
            near = self.function(x + step) - self.function(x - step)
            far = self.function(x + 2 * step) - self.function(x - 2 * step)
            return np.asarray((8 * near - far) / (12 * width))

        return NumpyFunction(difference, self.scale, self.vector)

    def gradient(self, x: Tensor) -> Tensor:
        """The derivatives along all axes, with the shape of the points."""
        if not self.vector:
            return self.derivative(0)(x)
        return torch.stack([self.derivative(axis)(x) for axis in range(x.shape[-1])], -1)


class _Evaluation(torch.autograd.Function):
    """One call of a function, and its gradient for the way back."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, of: NumpyFunction) -> Tensor:
        ctx.save_for_backward(x)
        ctx.of = of  # type: ignore[attr-defined]
        with np.errstate(all="ignore"):  # a log density may be -inf
            values = of.function(x.detach().cpu().numpy())
        return torch.as_tensor(values, dtype=torch.float64, device=x.device)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        of = ctx.of  # type: ignore[attr-defined]
        gradient = of.gradient(x)
        outer = slope.unsqueeze(-1) if of.vector else slope
        return torch.where(outer == 0, 0.0, outer * gradient), None
