"""Peers of `workloads.bundle`."""


def in_numpy(np):
    def reprojection(camera, point, weight, seen):
        rotation, centre = camera[:, :3], camera[:, 3:6]
        focal, principal = camera[:, 6:7], camera[:, 7:9]
        first, second = camera[:, 9:10], camera[:, 10:11]
        angle = np.sqrt(np.sum(rotation**2, axis=1, keepdims=True))
        axis = rotation / angle
        v = point - centre
        along = np.sum(axis * v, axis=1, keepdims=True) * (1 - np.cos(angle))
        turned = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * along
        flat = turned[:, :2] / turned[:, 2:]
        r2 = np.sum(flat**2, axis=1, keepdims=True)
        projected = flat * (1 + first * r2 + second * r2**2) * focal + principal
        return weight[:, None] * (projected - seen)

    def bundle(cameras, points, weights, which, seen):
        errors = reprojection(cameras[which[:, 0]], points[which[:, 1]], weights, seen)
        return 0.5 * (np.sum(errors**2) + np.sum((1 - weights**2) ** 2))

    return {"bundle": bundle, "reprojection": reprojection}


def in_torch():
    import torch

    def bundle(cameras, points, weights, which, seen):
        camera, point = cameras[which[:, 0]], points[which[:, 1]]
        rotation, centre = camera[:, :3], camera[:, 3:6]
        focal, principal = camera[:, 6:7], camera[:, 7:9]
        first, second = camera[:, 9:10], camera[:, 10:11]
        angle = rotation.norm(dim=1, keepdim=True)
        axis = rotation / angle
        v = point - centre
        along = (axis * v).sum(dim=1, keepdim=True) * (1 - torch.cos(angle))
        across = torch.linalg.cross(axis, v)
        turned = v * torch.cos(angle) + across * torch.sin(angle) + axis * along
        flat = turned[:, :2] / turned[:, 2:]
        r2 = (flat**2).sum(dim=1, keepdim=True)
        projected = flat * (1 + first * r2 + second * r2**2) * focal + principal
        errors = weights[:, None] * (projected - seen)
        return 0.5 * ((errors**2).sum() + ((1 - weights**2) ** 2).sum())

    return {"bundle": bundle}
