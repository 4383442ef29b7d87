"""ADBench's bundle adjustment, from plain NumPy: `python examples/adbench_ba.py`.

Every observation is a point seen by a camera: rotation (Rodrigues), projection, radial
distortion, times a weight, minus what was measured. Its residual of two numbers depends
on 15 parameters: 11 of its camera, 3 of its point, its weight. So the Jacobian is a row
of 2 x 15 blocks, never a dense matrix; a second residual 1 - w² per weight pulls
weights to 1. Formulas: ADBench (github.com/microsoft/ADBench), problem "ba", after
Srajer, Kukelova & Fitzgibbon, Optimization Methods and Software 33 (2018).
"""

import numpy as np

from symdiff.transforms import jacobian, jit


def rotate(rotation, X):
    """Return points turned by rotation vectors, both (P, 3): Rodrigues' formula."""
    squared = np.sum(rotation**2, axis=1, keepdims=True)
    turned = squared > 0
    theta = np.sqrt(np.where(turned, squared, 1.0))
    axis = rotation / theta
    cosine, sine = np.cos(theta), np.sin(theta)
    along = np.sum(axis * X, axis=1, keepdims=True) * (1 - cosine)
    large = X * cosine + np.cross(axis, X) * sine + axis * along
    return np.where(turned, large, X + np.cross(rotation, X))


def project(cameras, X):
    """Return pixels (P, 2) of points (P, 3) in cameras (P, 11).

    A camera is rotation (3), centre (3), focal length, principal point (2), radial
    distortion (2).
    """
    seen = rotate(cameras[:, 0:3], X - cameras[:, 3:6])
    plane = seen[:, :2] / seen[:, 2:]
    radius = np.sum(plane**2, axis=1, keepdims=True)
    k1, k2 = cameras[:, 9:10], cameras[:, 10:11]
    distorted = plane * (1 + k1 * radius + k2 * radius**2)
    return distorted * cameras[:, 6:7] + cameras[:, 7:9]


def residuals(cameras, X, weights, measured):
    """Return the reprojection errors (P, 2), a row per observation."""
    return weights[:, None] * (project(cameras, X) - measured)


def weight_residuals(weights):
    """Return 1 - w² of every weight."""
    return 1 - weights**2


def observed(cameras, X, weights, observations, measured):
    """Return the errors of observations, pairs (camera, point) of indices."""
    camera, point = observations[:, 0], observations[:, 1]
    return residuals(cameras[camera], X[point], weights, measured)


def blocks(cameras, X, weights, measured):
    """Return the Jacobian of `residuals`: (P, 2, 15)."""
    by_row = jacobian(residuals, (0, 1, 2), batch_dims=1)
    camera, point, weight = by_row(cameras, X, weights, measured)
    return np.concatenate([camera, point, weight[:, :, None]], axis=2)


compiled_residuals = jit(observed)
compiled_blocks = jit(blocks)
compiled_weights = jacobian(weight_residuals, batch_dims=1)


def error_by_hand(camera, point, weight, feature):
    """One residual with matrices and numbers of its own, sharing no code."""
    theta = np.linalg.norm(camera[:3])
    skew = np.array(
        [
            [0, -camera[2], camera[1]],
            [camera[2], 0, -camera[0]],
            [-camera[1], camera[0], 0],
        ]
    )
    R = np.eye(3) + skew
    if theta:
        R = np.eye(3) + np.sin(theta) / theta * skew
        R = R + (1 - np.cos(theta)) / theta**2 * skew @ skew
    x, y, z = R @ (point - camera[3:6])
    r = (x * x + y * y) / (z * z)
    stretch = 1 + camera[9] * r + camera[10] * r * r
    pixel = camera[6] * stretch * np.array([x / z, y / z]) + camera[7:9]
    return weight * (pixel - feature)


def problem(cameras, points, count, seed=0):
    """Return random cameras, points, weights, observations and measurements."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(cameras, 11)) * 0.2
    one[:, 5] -= 4.0  # the points are in front of every camera
    one[:, 6] += 1.5
    X, weights = rng.normal(size=(points, 3)), rng.uniform(0.5, 1, size=count)
    pairs = [rng.integers(0, cameras, count), rng.integers(0, points, count)]
    return one, X, weights, np.stack(pairs, axis=1), rng.normal(size=(count, 2))


def main():
    """Check residuals and blocks against single observations and differences."""
    cameras, X, weights, observations, measured = problem(3, 8, 20)
    camera, point = cameras[observations[:, 0]], X[observations[:, 1]]
    camera[0, :3] = 0  # one camera that does not turn
    rows = list(zip(camera, point, weights, measured, strict=True))
    expected = np.array([error_by_hand(*row) for row in rows])
    check("residuals", expected, jit(residuals)(camera, point, weights, measured))
    found = compiled_blocks(camera, point, weights, measured)
    check("shape of the Jacobian", (20, 2, 15), found.shape)
    differences = np.array([by_differences(*row) for row in rows])
    check("its blocks, by central differences", differences, found, 1e-7)
    check("of the camera that does not turn", differences[0], found[0], 1e-7)
    check("slopes of the weights' residual", -2 * weights, compiled_weights(weights))
    by_index = compiled_residuals(cameras, X, weights, observations, measured)
    check("residuals by index", expected[1:], by_index[1:])
    print(compiled_blocks.source)
    finish()


def by_differences(camera, point, weight, feature, step=1e-6):
    """Return one 2 x 15 block by central differences of `error_by_hand`."""
    at = np.concatenate([camera, point, [weight]])
    columns = []
    for i in range(15):
        plus, minus = at.copy(), at.copy()
        plus[i] += step
        minus[i] -= step
        sides = [error_by_hand(p[:11], p[11:14], p[14], feature) for p in (plus, minus)]
        columns.append((sides[0] - sides[1]) / (2 * step))
    return np.stack(columns, axis=1)


if __name__ == "__main__":
    from _report import check, finish

    main()
