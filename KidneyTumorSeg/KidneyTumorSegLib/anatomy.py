"""The one table of what is segmented: label values, names, codes and colors, and the regions the network predicts.

Codes are SNOMED CT as in 3D Slicer's own terminology files ("Segmentation category and type - 3D Slicer General
Anatomy list", "Anatomic codes - DICOM master list"). CT alone cannot say more of a solid lesion than "Mass".
Label values are those of KiTS21 and KiTS23.
"""

from __future__ import annotations

from dataclasses import dataclass

CATEGORY_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Code:
    """A coded concept: scheme, value and meaning."""

    value: str
    meaning: str
    scheme: str = "SCT"

    def __str__(self) -> str:
        return f"{self.scheme}^{self.value}^{self.meaning}"


ANATOMICAL_STRUCTURE = Code("123037004", "Anatomical Structure")
MORPHOLOGICALLY_ALTERED_STRUCTURE = Code("49755003", "Morphologically Altered Structure")
KIDNEY_CODE = Code("64033007", "Kidney")
SIDE_CODES = {"left": Code("7771000", "Left"), "right": Code("24028007", "Right")}
"""Modifiers of a type or of a region."""


@dataclass(frozen=True)
class Structure:
    """One segment: its label value, stable segment ID, display name, codes and color (RGB, 0..255)."""

    value: int
    id: str
    name: str
    category: Code
    type: Code
    region: Code | None
    color: tuple[int, int, int]
    line_style: str
    """How its outline is drawn on pictures (a matplotlib line style): classes differ in style, not in color alone."""

    @property
    def color_fraction(self) -> tuple[float, float, float]:
        """The color as three fractions 0..1, as VTK and `.seg.nrrd` want it."""
        red, green, blue = self.color
        return red / 255, green / 255, blue / 255

    @property
    def terminology_entry(self) -> str:
        """The `TerminologyEntry` tag of 3D Slicer: seven fields parted by `~`, an absent code is `^^`."""
        return self.terminology_entry_on("")

    def terminology_entry_on(self, side: str) -> str:
        """The same for one side ("left", "right" or ""): of the region where there is one, else of the type."""
        modifier = str(SIDE_CODES[side]) if side else "^^"
        of_type, of_region = (modifier, "^^") if self.region is None else ("^^", modifier)
        region = "^^" if self.region is None else str(self.region)
        return f"{CATEGORY_CONTEXT}~{self.category}~{self.type}~{of_type}~{REGION_CONTEXT}~{region}~{of_region}"


KIDNEY = Structure(1, "kidney", "kidney", ANATOMICAL_STRUCTURE, KIDNEY_CODE, None, (185, 102, 83), "solid")
TUMOR = Structure(
    2,
    "tumor",
    "tumor",
    MORPHOLOGICALLY_ALTERED_STRUCTURE,
    Code("4147007", "Mass"),
    KIDNEY_CODE,
    (230, 60, 60),
    "dashed",
)
CYST = Structure(
    3,
    "cyst",
    "cyst",
    MORPHOLOGICALLY_ALTERED_STRUCTURE,
    Code("367643001", "Cyst"),
    KIDNEY_CODE,
    (90, 170, 230),
    "dotted",
)

STRUCTURES = (KIDNEY, TUMOR, CYST)
LESIONS = (TUMOR, CYST)
BACKGROUND = 0


@dataclass(frozen=True)
class Region:
    """A union of labels that the network predicts and that KiTS scores ("hierarchical evaluation class")."""

    id: str
    labels: frozenset[int]


KIDNEY_AND_MASSES = Region("kidney_and_masses", frozenset({1, 2, 3}))
MASSES = Region("masses", frozenset({2, 3}))
TUMOR_REGION = Region("tumor", frozenset({2}))

REGIONS = (KIDNEY_AND_MASSES, MASSES, TUMOR_REGION)
"""Nested, from the outside in: KiTS23's order."""
