"""Values as JSON: plain ones as they stand, tensors by name, objects as what makes them.

What JSON has no word for is an object with a single key, which says what it is.
"""

from __future__ import annotations

import math

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution, Transform

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.saving.distributions import arguments_of, build

__all__ = ["Json", "Reader", "Writer"]

Json = Any


class Writer:
    """Turns values into JSON and keeps their tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}

    def write(self, value: object, name: str) -> Json:
        """A value as JSON.

        Arguments:
            value: Numbers, text, tensors, distributions, dataclasses, and lists and mappings of
                these.
            name: What its tensors are called.

        Raises:
            NotAvailable: If it holds something else.
        """
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, Tensor):
            return {"tensor": self._kept(value, name)}
        if isinstance(value, list | tuple):
            return [self.write(each, f"{name}.{index}") for index, each in enumerate(value)]
        if isinstance(value, Mapping):
            return {"mapping": self._written(value, name)}
        return self._object(value, name)

    def attempt(self, value: object, name: str) -> Json | None:
        """The same, or ``None`` and no tensors where it holds something else."""
        scratch = Writer()
        try:
            written = scratch.write(value, name)
        except NotAvailable:
            return None
        self.tensors |= scratch.tensors
        return written

    def _object(self, value: object, name: str) -> Json:
        if isinstance(value, Distribution | Transform):
            kind, arguments = arguments_of(value)
            return {"object": [kind, self._written(arguments, name)]}
        if is_dataclass(value) and not isinstance(value, type):
            inside = {each.name: getattr(value, each.name) for each in fields(value)}
            return {"record": [type(value).__name__, self._written(inside, name)]}
        raise NotAvailable(f"{name}, a {type(value).__name__}, cannot be kept in a file")

    def _written(self, values: Mapping[Any, object], name: str) -> dict[str, Json]:
        return {str(key): self.write(each, f"{name}.{key}") for key, each in values.items()}

    def _kept(self, value: Tensor, name: str) -> str:
        self.tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return name


class Reader:
    """Turns JSON back into values.

    Arguments:
        tensors: The tensors by name.
        records: The dataclasses that may be made, by name.
    """

    def __init__(self, tensors: Mapping[str, Tensor], records: Mapping[str, type]) -> None:
        self._tensors = tensors
        self._records = records

    def read(self, json: Json) -> Any:  # noqa: ANN401 (whatever was written)
        """The value that was written.

        Raises:
            InvalidArgument: If no value is written like this.
        """
        if isinstance(json, list):
            return [self.read(each) for each in json]
        if not isinstance(json, dict):
            return json
        ((kind, content),) = json.items()
        match kind:
            case "float":
                return float(content)
            case "tensor":
                return self._tensors[content]
            case "mapping":
                return self._read(content)
            case "object":
                return build(content[0], self._read(content[1]))
            case "record":
                return self._records[content[0]](**self._read(content[1]))
        raise InvalidArgument(f"{kind!r} is no kind of value")

    def _read(self, content: Mapping[str, Json]) -> dict[str, Any]:
        return {key: self.read(each) for key, each in content.items()}
