"""What the panel and its worker process tell each other: one JSON object a line. No pickle: a line can run no code.

Panel to worker: `{"voxels": PATH, "labels": PATH, "volume": {...}, "settings": {...}}`.
Worker to panel: `{"event": "ready" | "state" | "mapped" | "step" | "done" | "error", ...}`.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union

from .. import errors
from ..errors import KidneyTumorSegError

T = TypeVar("T")
_LABEL_MAP_FIELD = "label_map"
"""It travels through shared memory, not in a line."""


def to_line(message: Mapping[str, Any]) -> bytes:
    """A message as one line of UTF-8."""
    return json.dumps(message, default=_plain_number).encode() + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The message of one line."""
    message: dict[str, Any] = json.loads(line)
    return message


def to_plain(value: Any) -> Any:
    """Frozen dataclasses, tuples and mappings as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: Any, data: Any) -> Any:
    """The inverse of `to_plain`, by the type that is expected.

    Args:
        kind: a frozen dataclass, a tuple, list, dict or union of such, or a plain type.
        data: what JSON gave.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return from_plain(inner, data)
    if origin is tuple:
        kinds = [arguments[0]] * len(data) if arguments[1:] == (...,) else arguments
        return tuple(from_plain(item_kind, item) for item_kind, item in zip(kinds, data, strict=True))
    if origin is dict:
        return {key: from_plain(arguments[1], item) for key, item in data.items()}
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: from_plain(hints[name], item) for name, item in data.items()})
    return data


def result_to_plain(result: Any) -> dict[str, Any]:
    """A `pipeline.Result` without its label map."""
    return {
        field.name: to_plain(getattr(result, field.name)) for field in fields(result) if field.name != _LABEL_MAP_FIELD
    }


def result_from_plain(kind: type[T], data: Mapping[str, Any], label_map: Any) -> T:
    """A `pipeline.Result` from its message and its label map."""
    hints = typing.get_type_hints(kind)
    return kind(**{_LABEL_MAP_FIELD: label_map}, **{name: from_plain(hints[name], item) for name, item in data.items()})


def error_to_plain(error: KidneyTumorSegError) -> dict[str, str]:
    """An error that is told to the user: its class in `errors` and its sentence."""
    return {"kind": type(error).__name__, "text": str(error)}


def error_from_plain(data: Mapping[str, str]) -> KidneyTumorSegError:
    """The inverse of `error_to_plain`."""
    kind = getattr(errors, data["kind"], KidneyTumorSegError)
    return typing.cast(KidneyTumorSegError, kind(data["text"]))


def _plain_number(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent to another process.")
