"""What a plugin does while it is imported, kept within bounds.

`isolated` runs code that somebody else wrote and gives its *misdeeds*, what it did beside its
task: it printed, or it changed something that all of the process shares. What it changed is put
back, so that installing a plugin changes no result of another one.
"""

from __future__ import annotations

import os
import sys
import threading

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

__all__ = ["forget_since", "isolated", "told"]


def told(error: BaseException) -> str:
    """An error in a line, even one that cannot say what it is."""
    try:
        text = " ".join(str(error).split())
    except Exception as second:  # its __str__ is the plugin's as well
        text = f"(its message cannot be shown: {type(second).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def isolated() -> Iterator[list[str]]:
    """Runs a block; gives what it did beside its task, of which all but the printing is undone."""
    misdeeds: list[str] = []
    before = _present()
    heard = _Heard(sys.stdout)
    sys.stdout = heard
    try:
        yield misdeeds
    finally:
        heard.over = True
        while isinstance(sys.stdout, _Heard) and sys.stdout.over:  # also those of other threads
            sys.stdout = sys.stdout.stream
        if heard.words:
            misdeeds.append(f"printed {''.join(heard.words).strip()[:80]!r}")
        misdeeds += _undone(before)


def forget_since(before: set[str], package: str) -> None:
    """Forgets the modules of a package imported since, so that it can be imported afresh."""
    for name in set(sys.modules) - before:
        if name == package or name.startswith(f"{package}."):
            del sys.modules[name]


@dataclass
class _Heard:
    """A stream that keeps what one thread writes until it is over, and hands on the rest."""

    stream: TextIO
    words: list[str] = field(default_factory=list)
    thread: int = field(default_factory=threading.get_ident)
    over: bool = False

    def write(self, text: str) -> int:
        if self.over or threading.get_ident() != self.thread:
            return self.stream.write(text)
        self.words.append(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (the stream's)
        return getattr(self.stream, name)


@dataclass(frozen=True)
class _Setting:
    """Something that all of the process shares.

    Arguments:
        name: What it is called.
        read: How it is now.
        write: Puts it back.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _present() -> dict[str, Any]:
    """How all settings are now; those of torch only where it has been imported."""
    return {setting.name: setting.read() for setting in _settings()}


def _undone(before: dict[str, Any]) -> list[str]:
    """Puts back what has changed, and says what it was."""
    changed = []
    for setting in _settings():
        former = before.get(setting.name, _INITIAL.get(setting.name))
        if former is not None and setting.read() != former:
            setting.write(former)
            changed.append(f"changed {setting.name}")
    return changed


def _settings() -> list[_Setting]:
    own = [_Setting("the working folder", os.getcwd, os.chdir)]
    torch = sys.modules.get("torch")
    return own + _settings_of(torch) if hasattr(torch, "get_default_device") else own


_INITIAL = {
    "torch's default type": "torch.float32",
    "torch's default device": "cpu",
    "torch's gradient mode": True,
    "torch's choice of deterministic algorithms": False,
    "torch's check of distributions": __debug__,
}
"""How torch's settings are in a fresh process, as far as that is known."""


@dataclass(frozen=True)
class _Random:
    """A seed, and how far the numbers that follow it have been drawn."""

    seed: int
    state: Any = field(compare=False)


def _settings_of(torch: Any) -> list[_Setting]:  # noqa: ANN401 (not imported here)
    distribution = torch.distributions.Distribution
    return [
        _Setting(
            "torch's default type",
            lambda: str(torch.get_default_dtype()),
            lambda name: torch.set_default_dtype(getattr(torch, name.removeprefix("torch."))),
        ),
        _Setting(
            "torch's default device",
            lambda: str(torch.get_default_device()),
            lambda name: torch.set_default_device(None if name == "cpu" else name),
        ),
        _Setting("torch's gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
        _Setting(
            "torch's choice of deterministic algorithms",
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        _Setting(
            "torch's random seed",
            lambda: _Random(torch.initial_seed(), torch.get_rng_state()),
            lambda random: torch.set_rng_state(random.state),
        ),
        _Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
        _Setting(
            "torch's check of distributions",
            lambda: distribution._validate_args,
            distribution.set_default_validate_args,
        ),
    ]
