"""What a network takes for a kidney tumor or cyst, or for a kidney, and is none, put into real scans.

A removed kidney, an adrenal mass, a dilated collecting system, a bowel loop, an accessory spleen, a lymph node, a
liver lobe or a gallbladder next to the kidney: each too rare in few labeled scans to be learned from them. Canonical
coordinates, mm along (k, j, i): up, to the back, to the patient's left; voxel (0, 0, 0) at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import BACKGROUND, KIDNEY
from .bodies import AIR_HU, BONE_HU, FAT_HU, OWN, VESSELS, Body, Box, Scan, Stuff, log_uniform, put, turned
from .case import Case
from .synthesis.fields import FloatImage, random_field
from .synthesis.kidneys import Kidney, Vector, find_kidneys

_SPLEEN, _GALLBLADDER, _LIVER, _RIGHT_ADRENAL, _LEFT_ADRENAL = 10, 11, 13, 19, 20
_CANDIDATES = 24
_TRIES = 4
_BOTH_SIDES_SHARE = 0.15
_RIM_MM = 2.5  # so far outside the label the kidney still shows
_SINUS_GAP_MM = 3.0  # of parenchyma are left around a dilated collecting system
_LESION_GAP_MM = 2.5


def add_look_alike(case: Case, random: np.random.Generator) -> Case:
    """Put one look-alike into a scan.

    Args:
        case: canonical, cropped to the kidneys' surroundings or not.
        random: source of randomness; the same gives the same case.

    Returns:
        The case with other `hu` and `labels`; the very case if it has no kidney or no room was found.
    """
    spacing = (case.slice_spacing_mm, case.spacing_mm, case.spacing_mm)
    kidneys = find_kidneys(case.labels, spacing)
    if not kidneys:
        return case
    scan = Scan.of(case, kidneys, random)
    names = list(_KINDS)
    shares = np.array([_KINDS[name][1] for name in names])
    for _ in range(_TRIES):
        make, _share = _KINDS[names[int(random.choice(len(names), p=shares / shares.sum()))]]
        if make(scan, kidneys[int(random.integers(len(kidneys)))]):
            return replace(case, hu=scan.hu, labels=scan.labels)
    return case


def _beside(
    scan: Scan, kidney: Kidney, radius_mm: float, gap_mm: float, wish: Callable[[Vector, Vector], float]
) -> Vector | None:
    """A center near a kidney's surface: of some candidates the one with the most fat and the best wish.

    Args:
        scan, kidney: where.
        radius_mm: of what will be put there, toward the kidney.
        gap_mm: between it and the kidney.
        wish: from the outward direction and the relative place (up, back, lateral) a bonus, below 0 a malus.
    """
    surface = kidney.surface()
    best, place = 0.0, None
    cloud = scan.random.standard_normal((60, 3))
    cloud *= (radius_mm * scan.random.random((60, 1)) ** (1 / 3)) / np.linalg.norm(cloud, axis=1, keepdims=True)
    for at in scan.random.integers(len(surface), size=_CANDIDATES):
        outward = kidney.outward(surface[at])
        center = surface[at] + outward * (radius_mm + gap_mm)
        index = np.rint((center + cloud) / scan.spacing).astype(int)
        seen = ((index >= 0) & (index < scan.hu.shape)).all(axis=1)
        hu, labels = scan.hu[tuple(index[seen].T)], scan.labels[tuple(index[seen].T)]
        taken = np.isin(labels, (*OWN, *VESSELS)) | (hu > BONE_HU) | ((hu < AIR_HU) & (scan.floor_hu < AIR_HU))
        fat = (hu < FAT_HU[1]) & ~taken
        score = (fat.sum() + 0.35 * (~fat & ~taken).sum()) / len(cloud) + wish(outward, kidney.frame.relative(center))
        if score > best:
            best, place = score, center
    return place


def _is_left(kidney: Kidney) -> bool:
    return bool(kidney.frame.axes[2][2] > 0)


def _adrenal_mass(scan: Scan, kidney: Kidney) -> bool:
    """Soft tissue of 1 to 6 cm above a kidney, parted from it by some fat."""
    random = scan.random
    radius = log_uniform(random, 5, 30)
    gap = float(random.uniform(1.5, 5))
    value = _LEFT_ADRENAL if _is_left(kidney) else _RIGHT_ADRENAL
    adrenal = np.argwhere(scan.labels == value)
    frame = kidney.frame
    if len(adrenal):
        center = adrenal[int(random.integers(len(adrenal)))] * np.array(scan.spacing)
    else:
        center = frame.place(np.array([random.uniform(0.85, 1.1), random.uniform(-0.6, 0), random.uniform(-0.8, -0.2)]))
    out = frame.axes[0] - 0.4 * frame.axes[2] - 0.3 * frame.axes[1]
    near = max(0.0, float(kidney.depth_at(center[None])[0]) + 0.85 * radius + gap)
    center = center + out / np.linalg.norm(out) * near
    body = Body(center, radius * np.exp(random.uniform(-0.25, 0.25, 3)), turned(random), 0.08)
    kidney_hu = scan.typical_hu(KIDNEY.value, (30, 160))
    inside = float(random.uniform(-5, max(45.0, 0.85 * kidney_hu)))
    stuff = Stuff(inside, float(random.uniform(2, 6 if radius < 15 else 18)))
    return put(scan, body, stuff, scan.label_of(value, "adrenal_glands"), gap, (value,))


def _bowel_loop(scan: Scan, kidney: Kidney) -> bool:
    """A loop filled with fluid, its wall enhanced."""
    random = scan.random
    radius, gap = float(random.uniform(8, 17)), float(random.uniform(0.5, 4))
    center = _beside(scan, kidney, radius, gap, lambda out, rel: -0.5 * float(out[1]))
    if center is None:
        return False
    radii = radius * np.array([1, random.uniform(0.8, 1.1), random.uniform(1.1, 2.2)])
    wall = float(random.uniform(50, 110))
    stuff = Stuff(float(random.uniform(0, 45)), float(random.uniform(2, 12)), wall, float(random.uniform(1.2, 2.8)))
    return put(scan, Body(center, radii, turned(random), 0.1), stuff, BACKGROUND, gap)


def _splenule(scan: Scan, kidney: Kidney) -> bool:
    """A ball of spleen, 1 to 3 cm."""
    random = scan.random
    radius, gap = log_uniform(random, 5, 15), float(random.uniform(0.5, 4))
    center = _beside(scan, kidney, radius, gap, lambda out, rel: 0.2 * float(rel[0]))
    if center is None:
        return False
    body = Body(center, radius * np.exp(random.uniform(-0.12, 0.12, 3)), turned(random), 0.03)
    stuff = Stuff(scan.typical_hu(_SPLEEN, (45, 125)), 2.0)
    return put(scan, body, stuff, scan.label_of(_SPLEEN, "spleen"), gap)


def _lymph_node(scan: Scan, kidney: Kidney) -> bool:
    """An enlarged node, medial of the kidney."""
    random = scan.random
    radius, gap = log_uniform(random, 5, 20), float(random.uniform(1, 5))
    center = _beside(scan, kidney, radius, gap, lambda out, rel: -0.4 * float(rel[2]))
    if center is None:
        return False
    radii = radius * np.array([random.uniform(0.8, 1.6), random.uniform(0.7, 1.1), 1])
    stuff = Stuff(float(random.uniform(25, 100)), float(random.uniform(2, 10)))
    return put(scan, Body(center, radii, turned(random), 0.08), stuff, BACKGROUND, gap)


def _liver_lobe(scan: Scan, kidney: Kidney) -> bool:
    """A lobe of the liver beside the right kidney, of the spleen beside the left."""
    random = scan.random
    value, name = (_SPLEEN, "spleen") if _is_left(kidney) else (_LIVER, "liver")
    radius, gap = float(random.uniform(8, 18)), float(random.uniform(0.5, 3))
    center = _beside(scan, kidney, radius, gap, lambda out, rel: 0.4 * float(rel[2]) - 0.3 * float(out[1]))
    if center is None:
        return False
    radii = radius * np.array([random.uniform(1.3, 2.5), random.uniform(0.8, 1.3), random.uniform(0.8, 1.3)])
    tilted = np.linalg.qr(np.eye(3) + 0.25 * random.standard_normal((3, 3)))[0]
    stuff = Stuff(scan.typical_hu(value, (45, 120)), 3.0)
    return put(scan, Body(center, radii, tilted, 0.05), stuff, scan.label_of(value, name), gap)


def _gallbladder(scan: Scan, kidney: Kidney) -> bool:
    """A thin-walled sac of bile in front of the right kidney."""
    random = scan.random
    if _is_left(kidney):
        return False
    radius, gap = float(random.uniform(8, 20)), float(random.uniform(0.5, 5))
    center = _beside(scan, kidney, radius, gap, lambda out, rel: -0.6 * float(out[1]))
    if center is None:
        return False
    radii = radius * np.array([random.uniform(1, 2.2), 1, random.uniform(0.9, 1.2)])
    tilted = np.linalg.qr(np.eye(3) + 0.5 * random.standard_normal((3, 3)))[0]
    stuff = Stuff(float(random.uniform(0, 25)), 0.0, float(random.uniform(35, 80)), float(random.uniform(0.5, 1.5)))
    return put(scan, Body(center, radii, tilted, 0.03), stuff, scan.label_of(_GALLBLADDER, "gallbladder"), gap)


def _hydronephrosis(scan: Scan, kidney: Kidney) -> bool:
    """Pelvis and calyces widened by fluid; what is left of the kidney around them is thinner."""
    random, frame = scan.random, kidney.frame
    box = scan.box(frame.center, float(1.4 * frame.half.max()))
    if box is None:
        return False
    lines = scan.axes(box)
    grid = np.stack(np.meshgrid(*lines, indexing="ij"))
    size = float(random.uniform(4, 12))
    pelvis = frame.place(np.array([random.uniform(-0.15, 0.15), -0.1, random.uniform(-0.6, -0.25)]))
    depth = _stretch(grid, pelvis, frame.place(np.array([0, 0, -0.2])), 0.9 * size)
    for up in np.linspace(-0.62, 0.62, int(random.integers(4, 8))):
        tip = frame.place(np.array([up, random.uniform(-0.3, 0.3), random.uniform(-0.1, 0.4) * (1 - abs(up))]))
        root = pelvis + 0.3 * (tip - pelvis)
        depth = np.maximum(depth, _stretch(grid, root, tip, size * float(random.uniform(0.5, 0.95)), 0.45 * size))
    hull = kidney.depth_on(lines)
    lateral = np.tensordot(frame.axes[2] / frame.half[2], grid - frame.center[:, None, None, None], 1)
    hilum = np.clip((-0.15 - lateral) * 3, 0, 1)  # medially the pelvis may leave the kidney
    room = hull - _SINUS_GAP_MM + hilum * 20
    lesions = np.isin(scan.labels[box], OWN[1:])
    if lesions.any():
        away = ndimage.distance_transform_edt(~lesions, sampling=scan.spacing) - _LESION_GAP_MM
        room = np.minimum(room, away)
    outside = ~np.isin(scan.labels[box], (BACKGROUND, KIDNEY.value)) | (
        (ndimage.gaussian_filter(scan.hu[box].astype(np.float32), (0, 1, 1)) > -30) & (hull < -1)
    )
    depth = np.minimum(depth, room).astype(np.float32)
    depth = ndimage.gaussian_filter(depth, [1.0 / s for s in scan.spacing])
    share = np.clip(0.5 + depth / scan.spacing[1], 0, 1)
    mask = (share >= 0.5) & ~outside
    if mask.sum() * np.prod(scan.spacing) < 1000:
        return False
    fluid = Stuff(float(random.uniform(0, 15)), 0.0)
    scan.paint(box, share, fluid.fill(depth, lines, random), keep=outside)
    scan.labels[box][mask] = BACKGROUND
    return True


def _stretch(
    grid: FloatImage, a: Vector, b: Vector, radius: float, first_radius: float | None = None
) -> npt.NDArray[np.floating]:
    """Depth inside a rounded rod from a to b, mm, its radius growing from `first_radius` to `radius`."""
    along = b - a
    away = grid - a[:, None, None, None].astype(np.float32)
    t = np.clip(np.tensordot(along / max(float(along @ along), 1e-6), away, 1), 0, 1).astype(np.float32)
    rest = away - along[:, None, None, None].astype(np.float32) * t
    first = radius if first_radius is None else first_radius
    return np.asarray(first + (radius - first) * t - np.sqrt((rest**2).sum(axis=0)))


def _kidney_absent(scan: Scan, kidney: Kidney) -> bool:
    """One kidney, rarely both, taken out with its masses; fat and bowel lie in its place."""
    gone = scan.kidneys if scan.random.random() < _BOTH_SIDES_SHARE else (kidney,)
    bodies, count = ndimage.label(np.isin(scan.labels, OWN))
    boxes = ndimage.find_objects(bodies)
    left = [_is_left(one) for one in gone]
    middles = {one: float(one.frame.center[2]) for one in scan.kidneys}
    both = len({_is_left(one) for one in scan.kidneys}) == 2
    plane = float(np.mean(list(middles.values()))) / scan.spacing[2]
    for number in range(1, count + 1):
        box = boxes[number - 1]
        if both and len(set(left)) == 1:
            middle = (box[2].start + box[2].stop - 1) / 2
            if (middle > plane) != left[0]:
                continue
        _take_out(scan, bodies, number, box)
    return True


def _take_out(scan: Scan, bodies: npt.NDArray[np.int32], number: int, box: Box) -> None:
    """One connected body, with the sinus that it surrounds, gives way to fat and to what lies in front of it."""
    room = np.ceil(12.0 / np.array(scan.spacing)).astype(int)
    wide = [
        slice(max(0, b.start - int(r)), min(n, b.stop + int(r)))
        for b, r, n in zip(box, room, scan.hu.shape, strict=True)
    ]
    around: Box = (wide[0], wide[1], wide[2])
    body = bodies[around] == number
    outside = ndimage.distance_transform_edt(~body, sampling=scan.spacing)
    hull = ndimage.distance_transform_edt(outside <= 8.0, sampling=scan.spacing) - 8.0
    depth = np.maximum(np.where(body, 0.1, hull), _RIM_MM - outside).astype(np.float32)
    share = np.clip(0.5 + depth / 1.5, 0, 1)
    share[body] = 1
    lines = scan.axes(around)
    content = scan.fat_hu() + 7 * random_field(lines, 6.0, scan.random)
    strands = np.clip(1 - np.abs(random_field(lines, 7.0, scan.random)) / 0.07, 0, 1)
    content += strands * scan.random.uniform(10, 60)
    keep = scan.labels[around] > max(OWN)
    labels = scan.labels[around]
    labels[body] = BACKGROUND
    scan.paint(around, share, content.astype(np.float32), keep=keep)


_KINDS: dict[str, tuple[Callable[[Scan, Kidney], bool], float]] = {
    "kidney absent": (_kidney_absent, 0.2),
    "adrenal mass": (_adrenal_mass, 0.2),
    "hydronephrosis": (_hydronephrosis, 0.15),
    "bowel loop": (_bowel_loop, 0.15),
    "splenule": (_splenule, 0.06),
    "lymph node": (_lymph_node, 0.08),
    "liver lobe": (_liver_lobe, 0.08),
    "gallbladder": (_gallbladder, 0.08),
}
"""By name: what makes it, and how often."""
