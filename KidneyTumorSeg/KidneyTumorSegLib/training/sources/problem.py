"""What is wrong with a case, in words, and when there is too much of it to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import InputError

BAD_SHARE, BAD_LEAST = 0.1, 3
"""More bad cases than this share, and at least so many, stop a training.

A damaged download or a forgotten mask happens to a case in a hundred. More than one in ten says that not the cases
are wrong but the folder: another data set, half a download, masks of another export. Under three it is never the
folder that speaks: in a set of five, one or two bad cases are just that.
"""
_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """One case that is left out.

    Attributes:
        case: its name.
        sentence: what is wrong, with which file, and what to do.
        expected: the makers of the data set left it out on purpose, or a better copy is used: told, not counted.
        of_cases: how many cases the data folder holds, bad ones included.
    """

    case: str
    sentence: str
    expected: bool = False
    of_cases: int = 0

    def __str__(self) -> str:
        return f"{self.case}: {self.sentence}"


OnProblem = Callable[[Problem], None]


class Tally:
    """Passes problems on, and ends the run when they are too many.

    Args:
        cases: how many there are in all.
        on_problem: told of every problem that does not end the run.
    """

    def __init__(self, cases: int, on_problem: OnProblem) -> None:
        self._cases = cases
        self._on_problem = on_problem
        self._bad: list[Problem] = []

    def add(self, problems: Sequence[Problem]) -> None:
        """Count problems.

        Raises:
            InputError: more than `BAD_SHARE` of the cases, and at least `BAD_LEAST`, are bad; the text names them.
        """
        self._bad += [problem for problem in problems if not problem.expected]
        if len(self._bad) >= BAD_LEAST and len(self._bad) > BAD_SHARE * self._cases:
            raise InputError(
                f"{counted(len(self._bad), self._cases)}: too many to go on. Mend or remove them, or give another "
                f"folder.\n{listed(self._bad)}"
            )
        for problem in problems:
            self._on_problem(problem)

    def refuse_empty(self, used: int) -> None:
        """End of the reading.

        Raises:
            InputError: no case was left.
        """
        if not used and self._bad:
            raise InputError(f"{counted(len(self._bad), self._cases)}: no case is left.\n{listed(self._bad)}")


def counted(bad: int, of_cases: int) -> str:
    """ "3 of 120 cases cannot be used"."""
    return f"{bad} of {of_cases} {'case' if of_cases == 1 else 'cases'} cannot be used"


def listed(problems: Sequence[Problem]) -> str:
    """One line a problem, the first ones only."""
    lines = [f"  {problem}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more")
    return "\n".join(lines)
