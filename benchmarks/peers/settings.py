"""The settings that peers are given: several each, of which the best one counts."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Setting", "settings"]


@dataclass(frozen=True)
class Setting:
    """How a stochastic fit moves.

    Arguments:
        rate: The learning rate of Adam.
        draws: How many draws a step.
        steps: How many steps at most.
        last: By what the rate has been multiplied at the last step.
    """

    rate: float
    draws: int
    steps: int
    last: float = 1.0

    def __str__(self) -> str:
        decay = "" if self.last == 1 else f", falling to {self.last:g} of it"
        return f"rate {self.rate:g}{decay}, {self.draws} draws"


def settings(steps: int) -> tuple[Setting, ...]:
    """A constant rate with one draw and with ten, and one that falls."""
    return (
        Setting(0.03, 1, steps),
        Setting(0.03, 10, steps),
        Setting(0.1, 10, steps, last=1e-3),
    )
