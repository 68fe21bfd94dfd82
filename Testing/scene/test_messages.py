"""What the panel and the worker tell each other survives the journey unchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from KidneyTumorSegLib.errors import Cancelled, EnvironmentProblem, InputError, KidneyTumorSegError, UsageError
from KidneyTumorSegLib.measurements import Measurements, measure
from KidneyTumorSegLib.progress import Step
from KidneyTumorSegLib.scene.messages import error_from_plain, error_to_plain, from_line, from_plain, to_line, to_plain
from KidneyTumorSegLib.settings import Settings


def journey(kind, value):
    return from_plain(kind, from_line(to_line({"it": to_plain(value)}))["it"])


@dataclass(frozen=True)
class Inner:
    numbers: tuple[float, ...]
    place: tuple[float, float, float] | None


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    by_name: dict[str, Inner]
    maybe: str | None


@pytest.mark.parametrize(
    "value",
    [
        Settings(),
        Settings(model="ü", box_mm=(1, 2, 3, 4, 5, 6)),
        Step("Segmenting", 3, 10, "slices", 0.3, None),
        Step("Segmenting", 3, 10, "slices", 0.1 + 0.2, 12.5),
        Outer((Inner((), None), Inner((1.0,), (1.0, 2.0, 3.0))), {"a": Inner((2.0, 3.0), None)}, None),
    ],
)
def test_frozen_dataclasses_arrive_equal(value):
    assert journey(type(value), value) == value


def test_measurements_of_a_phantom_arrive_equal(scan):
    measurements = measure(scan[1])
    assert journey(Measurements, measurements) == measurements


def test_a_message_is_one_line_whatever_is_in_it():
    line = to_line({"text": "a\nb ü \u2028 c", "number": np.float32(0.5), "count": np.int64(3)})
    assert line.count(b"\n") == 1
    assert from_line(line) == {"text": "a\nb ü \u2028 c", "number": 0.5, "count": 3}


def test_what_has_no_plain_form_is_refused():
    with pytest.raises(TypeError, match="object cannot be sent"):
        to_line({"it": object()})


@pytest.mark.parametrize("kind", [InputError, EnvironmentProblem, UsageError, Cancelled, KidneyTumorSegError])
def test_errors_keep_their_class_and_sentence(kind):
    error = error_from_plain(error_to_plain(kind("The sentence.")))
    assert type(error) is kind
    assert str(error) == "The sentence."
