"""Light: rays, thin films."""

from dataclasses import dataclass

import numpy as np

from tests.models.model import Field

model = Field()


@dataclass
class Scene:
    """Spheres and a light."""

    centres: np.ndarray
    radii: np.ndarray
    colours: np.ndarray
    light: np.ndarray


def scene_data(rng, spheres, pixels):
    centres = np.column_stack([rng.uniform(-2, 2, (spheres, 2)), rng.uniform(4, 7, spheres)])
    scene = Scene(
        centres,
        rng.uniform(0.8, 1.5, spheres),
        rng.random((spheres, 3)),
        np.array([0.5, 0.7, -0.6]),
    )
    return scene, rng.random((pixels, pixels, 3))


@model(scene_data, {"spheres": 2, "pixels": 3}, {"spheres": 4, "pixels": 48}, smooth=False)
def ray_tracing(scene, picture):
    """Spheres seen through a pinhole, lit by Lambert's law, against a picture."""
    height, width, _ = picture.shape
    ys, xs = np.linspace(0.6, -0.6, height), np.linspace(-0.6, 0.6, width)
    light = scene.light / np.linalg.norm(scene.light)
    loss = 0.0
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            ray = np.array([x, y, 1.0])
            ray = ray / np.sqrt(ray @ ray)
            nearest = np.inf
            hit = -1
            for s in range(len(scene.radii)):
                b = ray @ scene.centres[s]
                disc = b * b - scene.centres[s] @ scene.centres[s] + scene.radii[s] ** 2
                if disc > 0:
                    t = b - np.sqrt(disc)
                    if 1e-3 < t < nearest:
                        nearest, hit = t, s
            if hit >= 0:
                normal = (nearest * ray - scene.centres[hit]) / scene.radii[hit]
                shade = 0.1 + max(normal @ light, 0.0)
                colour = shade * scene.colours[hit]
            else:
                colour = np.zeros(3)
            loss += np.sum((colour - picture[i, j]) ** 2)
    return loss / picture.size


def film_data(rng, layers, colours):
    wavelengths = np.linspace(0.4, 0.8, colours)
    index = np.where(np.arange(layers) % 2 == 0, 2.3, 1.45)
    return 0.1 + 0.05 * rng.random(layers), index, wavelengths, (wavelengths > 0.6) * 1.0


@model(film_data, {"layers": 3, "colours": 4}, {"layers": 12, "colours": 200})
def thin_films(thickness, index, wavelengths, wanted):
    """How much a stack of films reflects, by transfer matrices of complex numbers."""
    loss = 0.0
    for wavelength, target in zip(wavelengths, wanted):
        M = np.eye(2, dtype=complex)
        for d, n in zip(thickness, index):
            phase = 2 * np.pi * n * d / wavelength
            layer = np.array(
                [[np.cos(phase), 1j * np.sin(phase) / n], [1j * n * np.sin(phase), np.cos(phase)]]
            )
            M = M @ layer
        glass = 1.52
        b = M[0, 0] + M[0, 1] * glass
        c = M[1, 0] + M[1, 1] * glass
        r = (b - c) / (b + c)
        loss += (np.abs(r) ** 2 - target) ** 2
    return loss / len(wavelengths)
