"""A two-layer network learns scikit-learn's handwritten digits, in plain NumPy.

>>> params, accuracy = train()
>>> accuracy > 0.95
True

``python samples/digits.py`` trains it; ``tracer demo`` does so too and writes the picture, the
generated source and a module with the gradient that needs nothing but NumPy.
"""

from collections.abc import Callable

import numpy as np

from tracer import trace, trees, value_and_grad


@trace
def loss(params, x, labels):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    logits = hidden @ params["w2"] + params["b2"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_probs[np.arange(len(labels)), labels].mean()


def predict(params, x):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    return np.argmax(hidden @ params["w2"] + params["b2"], axis=1)


def load():
    """Images of 8 x 8 pixels in [0, 1] and their digits: ``(x, labels), (x_test, labels_test)``."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(images / 16.0, labels, random_state=0)
    return (x, y), (x_test, y_test)


def start(hidden: int = 32, seed: int = 0) -> dict[str, np.ndarray]:
    """Random parameters."""
    draw = np.random.default_rng(seed).normal
    return {
        "w1": draw(0.0, 1 / 8, (64, hidden)),
        "b1": np.zeros(hidden),
        "w2": draw(0.0, 1 / np.sqrt(hidden), (hidden, 10)),
        "b2": np.zeros(10),
    }


def train(
    steps: int = 120, decay: float = 1e-3, progress: Callable[[int, float], None] | None = None
) -> tuple[dict[str, np.ndarray], float]:
    """Parameters after that many steps of L-BFGS, and their accuracy on digits not seen."""
    from scipy.optimize import minimize

    (x, labels), (x_test, labels_test) = load()
    vector, unravel = trees.ravel(start())
    loss_and_gradient = value_and_grad(loss)
    step = 0

    def objective(vector):
        value, gradient = loss_and_gradient(unravel(vector), x, labels)
        return value + decay / 2 * vector @ vector, trees.ravel(gradient)[0] + decay * vector

    def after_step(intermediate_result):
        nonlocal step
        step += 1
        if progress is not None:
            progress(step, float(intermediate_result.fun))

    found = minimize(
        objective,
        vector,
        jac=True,
        method="L-BFGS-B",
        callback=after_step,
        options={"maxiter": steps},
    )
    params = unravel(found.x)
    return params, float(np.mean(predict(params, x_test) == labels_test))


if __name__ == "__main__":
    params, accuracy = train(progress=lambda step, value: print(f"{step:4d}  loss {value:.5f}"))
    print(f"accuracy on digits not seen: {accuracy:.1%}")
