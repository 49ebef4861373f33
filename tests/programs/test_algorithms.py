"""Numerical algorithms whose path depends on the data, with gradients on inputs that take others."""

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient
from tracer import grad, settings, trace, value_and_grad


def newton_square_root(x):
    a, guess = x[0] + 1.0, 1.0 + x[1]
    while abs(guess * guess - a) > 1e-12:
        guess = 0.5 * (guess + a / guess)
    return guess


def newton_with_cap(x):
    y = x[0]
    for k in range(30):
        step = (y**3 - x[1] - 2.0) / (3 * y**2 + 1.0)
        y = y - step
        if abs(step) < 1e-13:
            break
    else:
        y = y * 0.0
    return y, k


def newton_system(x):
    z = np.array([1.0, 1.0])
    for _ in range(20):
        f = np.array([z[0] ** 2 + z[1] - x[0] - 2, z[0] - z[1] ** 2 + x[1]])
        if np.linalg.norm(f) < 1e-12:
            break
        jacobian = np.array([[2 * z[0], 1.0], [1.0, -2 * z[1]]])
        z = z - np.linalg.solve(jacobian, f)
    return z


def bisection(x):
    low, high = 0.0, 4.0
    f = lambda t: t**3 - x[0] - t * x[1]
    for _ in range(30):
        middle = 0.5 * (low + high)
        if f(middle) > 0:
            high = middle
        else:
            low = middle
    root = low + (high - low) * f(low) / (f(low) - f(high))
    return root


def secant(x):
    f = lambda t: t**2 - x[0] - 2.0
    a, b = 1.0, 2.0
    count = 0
    while abs(f(b)) > 1e-10 and count < 50:
        a, b = b, b - f(b) * (b - a) / (f(b) - f(a))
        count += 1
    return b, count


def golden_section(x):
    f = lambda t: (t - x[0]) ** 2 + x[1] * t
    ratio = (np.sqrt(5) - 1) / 2
    a, b = -3.0, 3.0
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    while b - a > 1e-3:
        if f(c) < f(d):
            b = d
        else:
            a = c
        c, d = b - ratio * (b - a), a + ratio * (b - a)
    return f((a + b) / 2)


def line_search(x):
    f = lambda z: np.sum((z - 1.0) ** 2) + z[0] * z[1]
    z = x.copy()
    for _ in range(4):
        g = 2 * (z - 1.0) + np.array([z[1], z[0], 0.0])
        step = 1.0
        while f(z - step * g) > f(z) - 0.3 * step * (g @ g):
            step *= 0.5
        z = z - step * g
    return z


def adaptive_ode(x):
    t, y, h = 0.0, x[0], 0.3
    rate = lambda y: -x[1] * y + 0.1 * np.sin(3 * y)
    while t < 1.0 - 1e-12:
        h = min(h, 1.0 - t)
        full = y + h * rate(y)
        half = y + h / 2 * rate(y)
        half = half + h / 2 * rate(half)
        error = abs(full - half)
        if error > 0.01:
            h = h / 2
            continue
        t, y = t + h, 2 * half - full
        if error < 0.002:
            h = h * 1.5
    return y


def runge_kutta(x):
    f = lambda t, y: np.array([y[1], -x[0] * y[0] - 0.1 * y[1] + np.cos(t)])
    y, t, h = x[1:3].copy(), 0.0, 0.1
    for _ in range(8):
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t += h
    return y


def power_iteration(x):
    m = np.outer(x, x) + np.diag([1.0, 2.0, 3.0])
    v = np.ones(3)
    last = 0.0
    for _ in range(200):
        w = m @ v
        value = np.linalg.norm(w)
        v = w / value
        if abs(value - last) < 1e-10:
            break
        last = value
    return value, v


def conjugate_gradient(x):
    a = np.outer(x, x) + 2 * np.eye(3)
    z, r = np.zeros(3), np.array([1.0, -1.0, 0.5])
    p, rs = r.copy(), r @ r
    for _ in range(10):
        ap = a @ p
        alpha = rs / (p @ ap)
        z += alpha * p
        r -= alpha * ap
        new = r @ r
        if np.sqrt(new) < 1e-12:
            break
        p = r + new / rs * p
        rs = new
    return z


def fixed_point(x):
    z = 0.0
    for _ in range(200):
        following = np.cos(z) * x[0] * 0.5 + x[1]
        if np.isclose(following, z, rtol=0, atol=1e-12):
            break
        z = following
    return following


def gradient_descent_with_momentum(x):
    w, v = np.zeros(3), np.zeros(3)
    for k in range(6):
        g = 2 * (w - x) + 0.1 * np.sign(w)
        v = 0.9 * v - 0.05 * g
        w += v
    return w


def simpson_adaptive(x):
    f = lambda t: np.exp(-x[0] * t * t) + x[1] * t

    def simpson(a, b):
        return (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b))

    def integrate(a, b, tolerance, depth):
        m = (a + b) / 2
        whole, parts = simpson(a, b), simpson(a, m) + simpson(m, b)
        if depth == 0 or abs(whole - parts) < tolerance:
            return parts
        return integrate(a, m, tolerance / 2, depth - 1) + integrate(m, b, tolerance / 2, depth - 1)

    return integrate(0.0, 2.0, 1e-4, 4)


def series_until_small(x):
    total, term, n = 0.0, 1.0, 0
    while abs(term) > 1e-12:
        total += term
        n += 1
        term = term * x[0] / n
    return total


def continued_fraction(x):
    value = 0.0
    for k in range(10, 0, -1):
        value = x[0] / (k + value)
    return 1 + value


def arithmetic_geometric_mean(x):
    a, b = 1.0 + x[0], np.sqrt(1.0 + x[1])
    while abs(a - b) > 1e-14:
        a, b = (a + b) / 2, np.sqrt(a * b)
    return a


def euclid(x):
    a, b = int(x[0] * 40) + 6, int(abs(x[1]) * 30) + 4
    while b:
        a, b = b, a % b
    return a * x


def horner(x):
    result = 0.0
    for c in x[::-1]:
        result = result * 0.7 + c
    return result


def viterbi(x):
    a = np.outer(x, x)
    score, back = x.copy(), []
    for _ in range(3):
        candidates = score[:, None] + a
        back.append(candidates.argmax(axis=0))
        score = candidates.max(axis=0) + x[::-1]
    path = [int(np.argmax(score))]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return score.max(), path[::-1]


def dynamic_time_warping(x):
    a, b = x, x[::-1] * 1.1
    d = np.full((4, 4), np.inf)
    d[0, 0] = 0.0
    for i in range(1, 4):
        for j in range(1, 4):
            d[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[3, 3]


def quick_sort(x):
    def sort(values):
        if len(values) <= 1:
            return values
        pivot, *rest = values
        return (
            sort([v for v in rest if v < pivot]) + [pivot] + sort([v for v in rest if v >= pivot])
        )

    return np.array(sort(list(x)))


def k_means(x):
    points = np.concatenate([x, x + 2.0, 0.3 * x])
    centres = np.array([0.0, 2.0])
    for _ in range(5):
        nearest = np.argmin(np.abs(points[:, None] - centres), axis=1)
        for k in range(2):
            if np.any(nearest == k):
                centres[k] = points[nearest == k].mean()
    return centres


def binary_search(x):
    table = np.sort(x)
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        if table[middle] < 0.5:
            low = middle + 1
        else:
            high = middle
    return low * x


def clipped_gradient(x):
    g = x * 3.0
    norm = np.sqrt(np.sum(g**2))
    if norm > 1.0:
        g = g / norm
    return g


def early_returns(x):
    if x[0] < 0:
        return -x
    for i, v in enumerate(x):
        if v > 1.5:
            return x * v
        if v < -1.5:
            continue
        if i == 2 and v > 0.5:
            break
    else:
        return x**2
    return x + 1


def singular_or_not(x):
    m = np.array([[x[0], x[1]], [x[1], x[0]]])
    try:
        return np.linalg.inv(m)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(m)
    finally:
        m = None


def cholesky_with_jitter(x):
    m = np.outer(x, x) - 0.5 * np.eye(3)
    jitter = 0.0
    while True:
        try:
            return np.linalg.cholesky(m + jitter * np.eye(3)), jitter
        except np.linalg.LinAlgError:
            jitter = max(2 * jitter, 0.4)


def guarded_division(x):
    try:
        return x / (1 if x[0] > 0 else 0 // int(x[0] < -10))
    except ZeroDivisionError:
        return x * 0


def short_circuits(x):
    ok = x[0] > 0 and x[1] > 0 and np.log(x[1]) > -2
    other = not ok or x[2] > 5
    fallback = (x[2] > 0 and x[2]) or x[0]
    return x * (2 if ok else 3) + (1 if other else 0) + fallback


def chained_comparisons(x):
    return x if 0 < x[0] <= x[1] < 2 else (x * 2 if x[0] == x[0] != x[2] else -x)


def matching(x):
    match (x[0] > 0, int(np.sign(x[1]))):
        case (True, 1):
            return x * 2
        case (True, n) if n < 1:
            return x * n
        case (False, _):
            return x - 1
    return x


def matching_structures(x):
    def area(shape):
        match shape:
            case {"kind": "circle", "r": r}:
                return np.pi * r**2
            case ["box", a, b]:
                return a * b
            case (a, *rest):
                return a + sum(rest)

    return area({"kind": "circle", "r": x[0]}) + area(["box", x[1], x[2]]) + area((x[0], x[1], 1.0))


def extremes_of_python(x):
    values = list(x)
    return (
        max(values),
        min(values),
        sorted(values),
        max(x[0], 0.3),
        min(*values, key=abs),
        max(range(3), key=lambda i: x[i]),
        values.index(max(values)),
        max([], default=x[0]),
        any(v > 1 for v in x),
        all(v > -3 for v in x),
        (x[0] in x),
        values.count(x[0]),
    )


def heap(x):
    import heapq

    h = []
    for v in x:
        heapq.heappush(h, v)
    smallest = heapq.heappop(h)
    return smallest * x, heapq.nlargest(2, list(x))


def bisect_insert(x):
    import bisect

    values = []
    for v in x:
        bisect.insort(values, v)
    return np.array(values)


def masks_and_counts(x):
    kept = x[x > 0]
    found = np.nonzero(x > 0)[0]
    return (
        kept.sum(),
        np.unique(np.sign(x)).sum(),
        x[np.flatnonzero(x < 1)] ** 2,
        found.size * x,
        np.count_nonzero(x > 0) * x,
        np.where(x > 0)[0],
        np.extract(x > 0, x),
        np.compress(x > 0, x),
    )


def ranges_of_data(x):
    n = int(abs(x[0]) * 4) + 1
    return np.arange(n) * x[1], sum(x[k % 3] for k in range(n)), np.zeros(n) + x[0], x[: n % 3 + 1]


def walrus(x):
    total = 0.0
    while (rest := 2.0 - total) > 0.1:
        total += rest * 0.5
        if (n := abs(x[0]) * total) > 1:
            return n
    return total * x


def nested_breaks(x):
    for i in range(3):
        for j in range(3):
            if x[i] * x[j] > 1:
                break
            if x[i] + x[j] < -2:
                continue
        else:
            continue
        return x * (i + 1)
    return x


PROGRAMS = [v for v in list(globals().values()) if getattr(v, "__module__", "") == __name__]
PROGRAMS = [p for p in PROGRAMS if p.__code__.co_varnames[:1] == ("x",)]
INPUTS = [
    np.array([0.4, 0.9, 0.2]),
    np.array([1.3, 0.3, 2.5]),
    np.array([0.55, 0.6, -0.7]),
    np.array([2.1, 1.9, 0.8]),
    np.array([0.9, 0.9, -1.7]),
    np.array([-0.3, 0.8, 1.6]),
]
STEPPED = {"cholesky_with_jitter", "viterbi", "euclid", "extremes_of_python", "heap"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    for x in INPUTS[:4]:
        if program.__name__ not in STEPPED:
            try:
                agree_gradient(program, x, tolerance=2e-5)
            except np.linalg.LinAlgError:
                assert x[0] == x[1]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_interpreted_past_the_limit_of_branches(program):
    """With room for one program only, further ways are interpreted: same values and gradients."""
    with settings.using(max_branches=1):
        traced = agree(program, [(x,) for x in INPUTS])
        if program.__name__ not in STEPPED:
            for x in INPUTS[:3]:
                agree_gradient(traced, x, tolerance=2e-5)


def test_a_mask_needs_one_program_for_all_counts():
    traced = trace(lambda x: np.exp(x[x > 0]).sum() + x[np.nonzero(x < 0)].sum() * 2)
    rng = np.random.default_rng(0)
    for _ in range(12):
        x = rng.normal(size=7)
        np.testing.assert_allclose(traced(x), np.exp(x[x > 0]).sum() + x[x < 0].sum() * 2)
        np.testing.assert_allclose(
            grad(traced)(x), np.where(x > 0, np.exp(x), 0) + np.where(x < 0, 2.0, 0)
        )
    assert traced.explain().count("nodes,") == 1


def test_value_and_gradient_follow_the_branch_of_each_call():
    function = value_and_grad(lambda x: x**2 if x > 1 else (x**3 if x > 0 else -x))
    for x in (2.0, 0.5, -1.0, 3.0, 0.25, -2.0, 1.0, 0.0):
        value, slope = function(x)
        expected = (x**2, 2 * x) if x > 1 else ((x**3, 3 * x**2) if x > 0 else (-x, -1.0))
        np.testing.assert_allclose((value, slope), expected)
