"""Names that data sets give their labels, to our values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...anatomy import BACKGROUND, CYST, KIDNEY, TUMOR
from ...errors import InputError
from ..channels import ORGAN_CHANNELS
from .source import REGION_IDS

MASS = "mass"
"""A mass of which the data set does not say whether it is a tumor or a cyst."""

_NAMES: dict[str, tuple[str, ...]] = {
    "kidney": ("kidney", "renal parenchyma", "kidney parenchyma", "kidney and masses", "kidney and mass"),
    "tumor": ("tumor", "kidney tumor", "renal tumor", "cancer", "kidney cancer", "carcinoma", "rcc"),
    "cyst": ("cyst", "kidney cyst", "renal cyst"),
    MASS: ("mass", "lesion", "kidney mass", "kidney lesion", "renal mass", "renal lesion"),
    "spleen": ("spleen",),
    "gallbladder": ("gallbladder", "gall bladder"),
    "esophagus": ("esophagus", "oesophagus"),
    "liver": ("liver",),
    "stomach": ("stomach",),
    "aorta": ("aorta",),
    "inferior vena cava": ("inferior vena cava", "vena cava", "ivc", "postcava"),
    "portal vein": ("portal vein and splenic vein", "portal and splenic vein", "veins"),
    "pancreas": ("pancreas",),
    "right adrenal": ("adrenal", "adrenal gland", "suprarenal gland", "rag"),
    "left adrenal": ("lag",),
    "duodenum": ("duodenum",),
    # Far from any kidney, or never taken for one: to us they are background.
    "other": ("bladder", "urinary bladder", "prostate", "prostate uterus", "uterus", "colon", "small bowel", "lung"),
}
_VALUES: dict[str, int] = {
    "kidney": KIDNEY.value,
    "tumor": TUMOR.value,
    "cyst": CYST.value,
    MASS: TUMOR.value,  # which of the two is not known, and the channel that parts them is masked
    "spleen": 10,
    "gallbladder": 11,
    "esophagus": 12,
    "liver": 13,
    "stomach": 14,
    "aorta": 15,
    "inferior vena cava": 16,
    "portal vein": 17,
    "pancreas": 18,
    "right adrenal": 19,  # both adrenals are one channel, so which side is which does not matter
    "left adrenal": 20,
    "duodenum": 21,
    "other": BACKGROUND,
}
_OURS = {name: ours for ours, names in _NAMES.items() for name in names}


def our_name(name: str) -> str | None:
    """What we call it: "Left Kidney", "kidney_left" and "Kidneys" are all "kidney". None if it is nothing we know."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("tumour", "tumor")).split()
    words = [word for word in words if word not in ("left", "right", "l", "r")]
    plain = " ".join(words)
    for form in (plain, plain.removesuffix("s"), re.sub(r"sses$", "ss", plain)):
        if form in _OURS:
            return _OURS[form]
    return None


def translate(names_by_value: Mapping[int, Iterable[str]], where: str) -> tuple[dict[int, int], frozenset[str]]:
    """A data set's labels to ours.

    Args:
        names_by_value: for each value that a mask may have, the names that hold it. It may have several where the data
            set names regions, one inside the other (kidney 1, 2, 3; masses 2, 3; tumor 2).
        where: the file that says so, for the sentence.

    Returns:
        Value in the mask to our value, and the ids of the channels that the masks speak of.

    Raises:
        InputError: a name is none that we know, or there is neither kidney nor tumor.
    """
    ours = {value: {_known_name(name, value, where) for name in names} for value, names in names_by_value.items()}
    found = frozenset[str]().union(*ours.values())
    if not found & {"kidney", "tumor", "cyst", MASS}:
        raise InputError(f"{where} names no kidney, tumor or cyst among its labels; there is nothing to learn here.")
    values = {BACKGROUND: BACKGROUND}
    for value, names in ours.items():
        values[value] = _value_of(names, "tumor" in found)
    return values, _known(found, values)


def _known_name(name: str, value: int, where: str) -> str:
    ours = our_name(name)
    if ours is None:
        raise InputError(
            f"{where} calls the label {value} '{name}', which cannot be mapped to a structure that is learned here. "
            f"Call it one of {', '.join(sorted(known for known in _VALUES if known != 'other'))}, "
            "or set it to background in the masks."
        )
    return ours


def _value_of(names: set[str], has_tumor: bool) -> int:
    """Of regions one inside the other the innermost counts; a mass outside the region tumor is a cyst."""
    for name in ("tumor", "cyst"):
        if name in names:
            return _VALUES[name]
    if MASS in names:
        return CYST.value if has_tumor else _VALUES[MASS]
    return _VALUES[min(names, key=lambda name: (name == "kidney", name))] if names else BACKGROUND


def _known(found: frozenset[str], values: Mapping[int, int]) -> frozenset[str]:
    """What is not named is not known. Masses are known where both kinds of them are, or where they are named."""
    known = {"kidney_and_masses"} if "kidney" in found else set()
    known |= {"tumor"} if "tumor" in found else set()
    known |= {"masses"} if MASS in found or {"tumor", "cyst"} <= found else set()
    assert known <= REGION_IDS
    ours = frozenset(values.values())
    return frozenset(known) | frozenset(channel.id for channel in ORGAN_CHANNELS if channel.labels & ours)
