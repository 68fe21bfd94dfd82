"""Who trains, who validates, who is only tested: by patient, from one file, the same for every experiment."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from ..errors import UsageError
from ..resources import resource


@dataclass(frozen=True)
class Split:
    """Patients by part.

    Attributes:
        validation: thresholds and clean-up may be chosen on these; they never train.
        folds: parts for cross-validation; no choice is made on the part that a model was not shown.
        unused: not trained on either, for a reason that the file gives.
    """

    validation: frozenset[str]
    folds: tuple[frozenset[str], ...]
    unused: frozenset[str]

    def test(self, fold: int | None) -> frozenset[str]:
        """Patients that a model of this fold (from 1) never sees; none for a model of no fold, which sees all folds.

        Raises:
            UsageError: there is no such fold.
        """
        if fold is None:
            return frozenset()
        if not 1 <= fold <= len(self.folds):
            raise UsageError(f"There is no fold {fold}: the split has folds 1 to {len(self.folds)}.")
        return self.folds[fold - 1]


def read_split() -> Split:
    """The split that every experiment shares."""
    table = tomllib.loads(resource("Recipes", "split.toml").read_text(encoding="utf-8"))
    folds = tuple(frozenset(part) for part in table["folds"])
    return Split(frozenset(table["validation"]), folds, frozenset(table["unused"]))
