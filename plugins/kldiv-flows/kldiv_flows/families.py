"""Zuko's normalizing flows, each as a family of kldiv."""

from __future__ import annotations

from torch import nn

from kldiv_flows.flow_family import FlowFamily
from kldiv_flows.zuko_flows import flows

__all__ = [
    "CouplingFlow",
    "MaskedAutoregressiveFlow",
    "NeuralAutoregressiveFlow",
    "NeuralSplineFlow",
]


class CouplingFlow(FlowFamily):
    r"""Flows by affine coupling, known as NICE and RealNVP, for two coordinates or more.

    .. math:: y_A = x_A, \qquad y_B = e^{s(x_A)} \odot x_B + t(x_A)

    with networks s and t; A and B change places from layer to layer. Density and draws are both a
    single pass, so that both directions are quick to fit. An affine layer cannot part one mode
    into two: between separated modes a bridge of mass remains.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        transforms: The number of layers.
        hidden_features: The widths of each network's hidden layers.
        seed: What the first weights follow.

    Raises:
        InvalidArgument: If a number is not positive.

    References:
        Density estimation using Real NVP (Dinh, Sohl-Dickstein and Bengio, 2017), equations 7
        and 8, arXiv:1605.08803.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        transforms: int = 6,
        hidden_features: tuple[int, ...] = (32, 32),
        seed: int = 0,
    ) -> None:
        super().__init__(
            flows.NICE,
            size=size,
            seed=seed,
            transforms=transforms,
            hidden_features=hidden_features,
        )


class MaskedAutoregressiveFlow(FlowFamily):
    r"""Flows by affine autoregression, known as MAF.

    .. math:: y_i = e^{s_i(x_{<i})} x_i + t_i(x_{<i})

    with masked networks s and t, the order of the coordinates reversed from layer to layer. They
    are smooth, by the hyperbolic tangent, and so is the density: no kinks mar its integrals. A
    density is a single pass, a draw one for each coordinate and layer: forward fits are quick,
    reverse ones slow in many dimensions.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        transforms: The number of layers.
        hidden_features: The widths of each network's hidden layers.
        seed: What the first weights follow.

    Raises:
        InvalidArgument: If a number is not positive.

    References:
        Masked Autoregressive Flow for Density Estimation (Papamakarios, Pavlakou and Murray,
        2017), equations 3 and 4, arXiv:1705.07057.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        transforms: int = 4,
        hidden_features: tuple[int, ...] = (32, 32),
        seed: int = 0,
    ) -> None:
        super().__init__(
            _smooth_autoregression,
            size=size,
            seed=seed,
            transforms=transforms,
            hidden_features=hidden_features,
        )


class NeuralSplineFlow(FlowFamily):
    r"""Flows by monotonic splines, known as NSF: the first choice for mass that is bent or parted.

    .. math:: y_i = g\bigl(x_i; \phi_i(x_{<i})\bigr)

    with a spline g of rational quadratic pieces whose knots a masked network :math:`\phi` lays out
    between -5 and 5, that is within 5 standard deviations of the target; beyond it is the
    identity, so that tails are those of a normal distribution. The density is a single pass, a
    draw one for each coordinate and layer, or two where ``coupling`` is set.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        transforms: The number of layers.
        hidden_features: The widths of each network's hidden layers.
        bins: The number of pieces of each spline.
        coupling: Whether half of the coordinates lay out the splines of the others, instead of
            all before one those of that one; draws in many dimensions are quicker then.
        seed: What the first weights follow.

    Raises:
        InvalidArgument: If a number is not positive.

    References:
        Neural Spline Flows (Durkan, Bekasov, Murray and Papamakarios, 2019), equations 4 and 5,
        arXiv:1906.04032.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        transforms: int = 2,
        hidden_features: tuple[int, ...] = (32, 32),
        bins: int = 8,
        coupling: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(
            _spline_flow,
            size=size,
            seed=seed,
            transforms=transforms,
            hidden_features=hidden_features,
            bins=bins,
            coupling=coupling,
        )


class NeuralAutoregressiveFlow(FlowFamily):
    r"""Flows whose monotonic maps are networks themselves, known as NAF.

    .. math:: y_i = g\bigl(x_i; \phi_i(x_{<i})\bigr)

    with a network g of positive weights. It bends further than a spline, but a step costs several
    times as much, and a draw inverts g by bisection, within 10 standard deviations: to be fitted
    forward.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        transforms: The number of layers.
        hidden_features: The widths of the conditioning network's hidden layers.
        seed: What the first weights follow.

    Raises:
        InvalidArgument: If a number is not positive.

    References:
        Neural Autoregressive Flows (Huang, Krueger, Lacoste and Courville, 2018), equations 6
        to 8, arXiv:1804.00779.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        transforms: int = 1,
        hidden_features: tuple[int, ...] = (32, 32),
        seed: int = 0,
    ) -> None:
        super().__init__(
            flows.NAF,
            size=size,
            seed=seed,
            transforms=transforms,
            hidden_features=hidden_features,
        )


def _smooth_autoregression(features: int, **options: object) -> object:
    return flows.MAF(features, activation=nn.Tanh, **options)


def _spline_flow(features: int, *, coupling: bool, **options: object) -> object:
    return flows.NSF(features, passes=2 if coupling else None, **options)
