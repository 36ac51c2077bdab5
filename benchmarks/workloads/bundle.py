"""Bundle adjustment of ADBench (see `mixture`): cameras and points that explain what was seen."""

import numpy as np


def reprojection(camera, point, weight, seen):
    """Weighted differences between where a camera sees a point, and where it was seen.

    Parameters
    ----------
    camera : for each observation, `(n, 11)`: rotation, centre, focal length, principal point and
        radial distortion.
    point : for each observation, `(n, 3)`.
    weight : of each observation, `(n,)`.
    seen : in the picture, `(n, 2)`.
    """
    rotation, centre = camera[:, :3], camera[:, 3:6]
    focal, principal = camera[:, 6:7], camera[:, 7:9]
    first, second = camera[:, 9:10], camera[:, 10:11]
    angle = np.sqrt((rotation**2).sum(axis=1, keepdims=True))
    axis = rotation / angle
    v = point - centre
    # Rodrigues' formula
    along = (axis * v).sum(axis=1, keepdims=True) * (1 - np.cos(angle))
    turned = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * along
    flat = turned[:, :2] / turned[:, 2:]
    r2 = (flat**2).sum(axis=1, keepdims=True)
    projected = flat * (1 + first * r2 + second * r2**2) * focal + principal
    return weight[:, None] * (projected - seen)


def bundle(cameras, points, weights, which, seen):
    """Half the sum of squares of all residuals, those of the weights among them.

    Parameters
    ----------
    which : for each observation the number of its camera and that of its point, `(n, 2)`.
    """
    errors = reprojection(cameras[which[:, 0]], points[which[:, 1]], weights, seen)
    return 0.5 * ((errors**2).sum() + ((1 - weights**2) ** 2).sum())


def residuals(numbers, cameras, points, which, seen):
    """All residuals, of one array: cameras, points and weights, one after the other.

    Parameters
    ----------
    cameras, points : how many there are.
    """
    end = 11 * cameras + 3 * points
    camera = numbers[: 11 * cameras].reshape((cameras, 11))
    point = numbers[11 * cameras : end].reshape((points, 3))
    weight = numbers[end:]
    errors = reprojection(camera[which[:, 0]], point[which[:, 1]], weight, seen)
    return np.concatenate([errors.ravel(), 1 - weight**2])


def bundle_data(observations, cameras, points):
    random = np.random.default_rng(0)
    which = np.stack(
        [random.integers(0, cameras, observations), random.integers(0, points, observations)], 1
    )
    camera = np.concatenate(
        [
            0.3 * random.normal(size=(cameras, 3)),
            random.normal(size=(cameras, 3)) + np.array([0.0, 0.0, -8.0]),
            1 + 0.1 * random.random((cameras, 1)),
            0.1 * random.normal(size=(cameras, 4)),
        ],
        axis=1,
    )
    seen = random.normal(size=(observations, 2))
    return camera, random.normal(size=(points, 3)), random.random(observations), which, seen


def reprojection_data(observations, cameras, points):
    camera, point, weights, which, seen = bundle_data(observations, cameras, points)
    return camera[which[:, 0]], point[which[:, 1]], weights, seen


def residuals_data(observations, cameras, points):
    camera, point, weights, which, seen = bundle_data(observations, cameras, points)
    numbers = np.concatenate([camera.ravel(), point.ravel(), weights])
    return numbers, cameras, points, which, seen
