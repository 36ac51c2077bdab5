"""Peers of `workloads.heat`."""


def in_jax(np):
    import jax

    def heat(u, target, c, steps):
        def step(u, _):
            spread = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
            return u.at[1:-1, 1:-1].add(c * spread), None

        u, _ = jax.lax.scan(step, u, length=steps)
        return 0.5 * ((u - target) ** 2).sum()

    def burning(u, target, c, rate, steps):
        def step(u, _):
            inner = u[1:-1, 1:-1]
            spread = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * inner
            return u.at[1:-1, 1:-1].add(c * spread + rate * inner * (1 - inner)), None

        u, _ = jax.lax.scan(step, u, length=steps)
        return 0.5 * ((u - target) ** 2).sum()

    return {"heat": heat, "burning": burning}
