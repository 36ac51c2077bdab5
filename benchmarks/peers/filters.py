"""Peers of `workloads.filters`."""


def in_jax(np):
    import jax

    def kalman(F, log_q, log_r, H, start, y):
        Q, r = np.diag(np.exp(log_q)), np.exp(log_r)

        def step(state, seen):
            mean, P = state
            mean = F @ mean
            P = F @ P @ F.T + Q
            PH = P @ H
            variance = H @ PH + r
            innovation = seen - H @ mean
            gain = PH / variance
            state = mean + gain * innovation, P - np.outer(gain, PH)
            return state, np.log(variance) + innovation**2 / variance

        return 0.5 * jax.lax.scan(step, (start, np.eye(start.size)), y)[1].sum()

    def hmm(logits, emission, start, seen):
        A = jax.nn.softmax(logits, axis=1)
        B = jax.nn.softmax(emission, axis=1)

        def step(alpha, symbol):
            alpha = (alpha @ A) * B[:, symbol]
            scale = alpha.sum()
            return alpha / scale, np.log(scale)

        return -jax.lax.scan(step, start, seen)[1].sum()

    return {"kalman": kalman, "hmm": hmm}


def in_autograd(np):
    def kalman(F, log_q, log_r, H, start, y):
        Q, r = np.diag(np.exp(log_q)), np.exp(log_r)
        mean, P = start, np.eye(start.size)
        total = 0.0
        for seen in y:
            mean = np.dot(F, mean)
            P = np.dot(np.dot(F, P), F.T) + Q
            PH = np.dot(P, H)
            variance = np.dot(H, PH) + r
            innovation = seen - np.dot(H, mean)
            gain = PH / variance
            mean = mean + gain * innovation
            P = P - np.outer(gain, PH)
            total = total + np.log(variance) + innovation**2 / variance
        return 0.5 * total

    def hmm(logits, emission, start, seen):
        A = np.exp(logits)
        A = A / np.sum(A, axis=1, keepdims=True)
        B = np.exp(emission)
        B = B / np.sum(B, axis=1, keepdims=True)
        alpha, total = start, 0.0
        for symbol in seen:
            alpha = np.dot(alpha, A) * B[:, symbol]
            scale = np.sum(alpha)
            alpha = alpha / scale
            total = total + np.log(scale)
        return -total

    return {"kalman": kalman, "hmm": hmm}
