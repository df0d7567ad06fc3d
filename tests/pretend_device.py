"""A device that every machine has: its tensors say that they are on ``meta``, and hold numbers.

They refuse what those of a graphics processor refuse: to meet tensors of the processor, to become
arrays of numpy, and to be drawn by a generator of the processor.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = "meta"
_INDEXING = ("aten::index", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_")


class There(torch.Tensor):
    """A tensor of the pretended device, around one of the processor."""

    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=DEVICE
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})

    def tolist(self):
        return self.inner.tolist()

    def numpy(self, *args, **options):
        raise TypeError("a tensor of another device is no array; call .cpu() first")

    __array__ = numpy

    def __format__(self, form):
        return format(self.inner.item() if self.inner.ndim == 0 else repr(self), form)

    def __repr__(self):
        return f"There({self.inner!r})"


def _inner(value):
    return value.inner if isinstance(value, There) else value


def _outer(value):
    plain = isinstance(value, torch.Tensor) and not isinstance(value, There)
    return There(value) if plain else value


def _is_there(device):
    return device is not None and torch.device(device).type == DEVICE


def _run(function, args, kwargs):
    """One operation of torch, on the numbers within."""
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
    there = any(isinstance(each, There) for each in tensors)
    wanted, name = kwargs.get("device"), function._schema.name
    if kwargs.get("generator") is not None and (there or _is_there(wanted)):
        raise RuntimeError(f"{name}: expected a generator of {DEVICE}, found one of cpu")
    if wanted is not None:
        found = function(*tree_map(_inner, args), **tree_map(_inner, {**kwargs, "device": "cpu"}))
        return tree_map(_outer, found) if _is_there(wanted) else found
    if there and not name.endswith("copy_"):
        _check_together(name, args, tensors)
    held = {id(each.inner): each for each in tensors if isinstance(each, There)}
    found = function(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    if not there:
        return found
    return tree_map(lambda each: held[id(each)] if id(each) in held else _outer(each), found)


def _check_together(name, args, tensors):
    """Numbers of the processor may go along, and its indices; nothing else."""
    if name in _INDEXING and isinstance(args[0], There):
        tensors = [each for each in (args[0], *args[2:3]) if isinstance(each, torch.Tensor)]
    if any(not isinstance(each, There) and each.ndim for each in tensors):
        shapes = [(tuple(each.shape), str(each.device)) for each in tensors]
        raise RuntimeError(f"{name}: expected all tensors on one device, found {shapes}")


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


class _Making(TorchFunctionMode):
    """What makes real ``meta`` tensors without asking the other mode."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        made = function in (torch.tensor, torch.as_tensor, torch.asarray)
        if made and not isinstance(args[0], There) and _is_there(kwargs.get("device")):
            wanted = kwargs.pop("requires_grad", False)
            found = function(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
            return found.requires_grad_(wanted)
        if args and isinstance(args[0], There) and function is torch.Tensor.new_tensor:
            return torch.tensor(args[1], dtype=kwargs.get("dtype") or args[0].dtype).to(DEVICE)
        if args and isinstance(args[0], There) and function is torch.Tensor.__getitem__:
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            args = (
                args[0],
                tuple(torch.tensor(each) if isinstance(each, list) else each for each in index),
            )
        return function(*args, **kwargs)


@contextmanager
def pretended() -> Iterator[str]:
    """Inside there is a device of that name."""
    with _Making(), _Operations():
        yield DEVICE
