"""Peers of `workloads.regression`."""


def in_numpy(np):
    def logistic(w, X, y):
        z = X @ w
        return np.mean(np.logaddexp(0.0, z) - y * z)

    def poisson(w, X, y):
        eta = X @ w
        return np.mean(np.exp(eta) - y * eta)

    def student_t(w, log_scale, X, y, nu):
        r = (y - X @ w) / np.exp(log_scale)
        return np.mean(log_scale + (nu + 1) / 2 * np.log1p(r**2 / nu))

    return {"logistic": logistic, "poisson": poisson, "student_t": student_t}


def in_torch():
    import torch
    from torch.nn import functional

    def logistic(w, X, y):
        return functional.binary_cross_entropy_with_logits(X @ w, y)

    def poisson(w, X, y):
        eta = X @ w
        return (torch.exp(eta) - y * eta).mean()

    def student_t(w, log_scale, X, y, nu):
        r = (y - X @ w) / torch.exp(log_scale)
        return (log_scale + (nu + 1) / 2 * torch.log1p(r**2 / nu)).mean()

    return {"logistic": logistic, "poisson": poisson, "student_t": student_t}
