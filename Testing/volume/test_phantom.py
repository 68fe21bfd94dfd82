"""The phantom is what it says: known bodies, at known places, of known volume, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from KidneyTumorSegLib.anatomy import CYST, KIDNEY, TUMOR
from KidneyTumorSegLib.volume import Grid
from KidneyTumorSegLib.volume.phantom import Ellipsoid, Phantom, phantom_grid, random_phantom, standard_phantom


def _oblique() -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [10, 20, -15], degrees=True).as_matrix() @ np.diag([4.0, 3.0, 5.0])
    affine[:3, 3] = [-150, -100, -80]
    return Grid((30, 60, 70), affine)


@pytest.mark.parametrize("seed", range(4))
def test_the_part_of_a_slice_that_a_body_reaches_is_all_of_it(seed: int) -> None:
    grid = _oblique()
    places = grid.world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    for body in random_phantom(np.random.default_rng(seed)).bodies[-6:]:
        everywhere = body.depth_mm(places)
        for k in range(grid.shape[0]):
            rest = everywhere[k].copy()
            if reached := body.depth_on_slice_mm(grid, k):
                part, depth = reached
                assert np.allclose(depth, rest[part], atol=1e-3)
                rest[part] = -1000
            assert rest.max() < -0.8  # beyond the soft edge


def test_volumes_in_the_label_map_are_those_of_the_formula() -> None:
    cyst = Ellipsoid((5.0, -3.0, 2.0), (20.0, 15.0, 25.0), 6.0, CYST.value, tilt_deg=30.0)
    grid = phantom_grid((1.5, 1.5, 1.5), (80.0, 60.0, 80.0))
    _, labels = Phantom((cyst,)).scan(grid, noise_hu=0.0)
    assert labels.volume_ml(CYST.value) == pytest.approx(cyst.volume_ml, rel=0.01)


def test_the_standard_phantom_has_its_lesions_where_it_says() -> None:
    phantom = standard_phantom()
    volume, labels = phantom.scan(phantom_grid((3.0, 3.0, 3.0)))
    for body, value in ((phantom.tumors[0], TUMOR.value), (phantom.cysts[0], CYST.value)):
        places = volume.grid.world(np.argwhere(labels.labels == value))
        assert np.allclose(places.mean(axis=0), body.center, atol=1.0)
        assert labels.volume_ml(value) == pytest.approx(body.volume_ml, rel=0.03)
    kidneys = volume.grid.world(np.argwhere(labels.labels == KIDNEY.value))
    for side in (1, -1):
        own = kidneys[side * kidneys[:, 0] > 0]
        assert 100 < len(own) * volume.grid.voxel_volume_ml < 250
        assert side * own[:, 0].mean() > 40


def test_the_same_seed_gives_the_same_scan() -> None:
    phantom = random_phantom(np.random.default_rng(5))
    grid = phantom_grid((8.0, 8.0, 8.0))
    assert np.array_equal(phantom.scan(grid, seed=3)[0].voxels, phantom.scan(grid, seed=3)[0].voxels)
    assert not np.array_equal(phantom.scan(grid, seed=3)[0].voxels, phantom.scan(grid, seed=4)[0].voxels)
