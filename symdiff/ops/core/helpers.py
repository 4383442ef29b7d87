"""Functions that NumPy lacks, written so that their source can be copied out.

In: arrays. Out: arrays of the same float dtype. Invariant: each function stands alone
(it uses ``np`` and nothing else), because generated modules embed its source as it is.
All compute in float64, so float32 results are right to about one unit in the last
place; the accuracy stated in a docstring is that of float64, and tests hold it against
SciPy. Coefficients are Chebyshev fits made with mpmath to 40 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

H = TypeVar("H", bound=Callable[..., Any])
# Functions that NumPy lacks, by the name that texts call them with.
HELPERS: dict[str, Callable[..., Any]] = {}


def helper(function: H) -> H:
    """Let texts call ``_help_<name>(...)``: the source of ``_<name>`` goes along.

    The function is named with a leading underscore, uses numpy (as ``np``) alone, and
    says its accuracy in its docstring.
    """
    HELPERS[function.__name__.lstrip("_")] = function
    return function


def _erf(x: np.ndarray) -> np.ndarray:
    """Return the error function, to 5e-16 relative.

    Below 1 an odd Chebyshev series; above, 1 - exp(-x**2) g(x) with g in (x - k)/(x +
    k).
    """
    below = (
        *(0.9754769393826541, -0.14226120510371365, 0.010035582187599796),
        *(-0.0005768764699767485, 2.741993125219606e-05, -1.1043175507344507e-06),
        *(3.8488755420345036e-08, -1.1808582533875466e-09, 3.2334215826050907e-11),
        *(-7.991015947004549e-13, 1.7990725113961456e-14, -3.718635487818693e-16),
    )
    above = (
        *(1.1775789345674017, -0.004590054580646478, -0.08424913336651792),
        *(0.05920993999819189, -0.026658668435305753, 0.009074997670705265),
        *(-0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-05),
        *(4.139027986073011e-06, 7.74038306619849e-07, -2.1886401049234442e-07),
        *(1.0764999465670098e-08, 4.521959811217297e-09, -7.754400208840841e-10),
        *(-6.318088340956874e-11, 2.8687950109003014e-11, 1.9455868561533247e-13),
        *(-9.65469674262864e-13, 3.25254823543584e-14, 3.347812045472627e-14),
        *(-1.864562022926806e-15, -1.25079449626806e-15, 7.418249003153669e-17),
    )
    x = np.asarray(x)
    z = np.minimum(np.abs(x, dtype=np.float64), 6.0)
    small = z < 1
    inner = np.where(small, z, 0.0)
    odd = inner * np.polynomial.chebyshev.chebval(2 * inner * inner - 1, below)
    g = np.polynomial.chebyshev.chebval((z - 3.75) / (z + 3.75), above) / (1 + 2 * z)
    value = np.where(small, odd, 1 - np.exp(-z * z) * g)
    return np.copysign(value, x).astype(x.dtype)[()]


def _erfc(x: np.ndarray) -> np.ndarray:
    """Return 1 - erf(x), to 2e-15 relative down to 1e-300.

    exp(-x**2) g(x) with g a Chebyshev series in (x - k)/(x + k) (Shepherd and
    Laframboise, Math. Comp. 36, 1981); x**2 is split in two, so that its rounding does
    not reach exp.
    """
    series = (
        *(1.1775789345674017, -0.004590054580646478, -0.08424913336651792),
        *(0.05920993999819189, -0.026658668435305753, 0.009074997670705265),
        *(-0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-05),
        *(4.139027986073011e-06, 7.74038306619849e-07, -2.1886401049234442e-07),
        *(1.0764999465670098e-08, 4.521959811217297e-09, -7.754400208840841e-10),
        *(-6.318088340956874e-11, 2.8687950109003014e-11, 1.9455868561533247e-13),
        *(-9.65469674262864e-13, 3.25254823543584e-14, 3.347812045472627e-14),
        *(-1.864562022926806e-15, -1.25079449626806e-15, 7.418249003153669e-17),
    )
    x = np.asarray(x)
    z = np.minimum(np.abs(x, dtype=np.float64), 30.0)
    g = np.polynomial.chebyshev.chebval((z - 3.75) / (z + 3.75), series) / (1 + 2 * z)
    head = np.round(z * 16) / 16
    value = np.exp(-head * head) * np.exp((head - z) * (head + z)) * g
    return np.where(x < 0, 2 - value, value).astype(x.dtype)[()]


def _gammaln(x: np.ndarray) -> np.ndarray:
    """Return log|Gamma(x)|, to 8e-15 relative for x > 0, inf at 0, -1, -2, ...

    On 1..3 a Chebyshev series times (x - 1)(x - 2), so that zeros keep their digits;
    above, Stirling's series from 8 on; below 0, the reflection formula (DLMF 5.5.3,
    5.11.1).
    """
    series = (
        *(0.44148902545501423, -0.11119580321752523, 0.01951044826068884),
        *(-0.003922461463025264, 0.0008478989895953857, -0.00019153855341365593),
        *(4.454470184975607e-05, -1.05728743735943e-05, 2.5474336873408417e-06),
        *(-6.208535880776316e-07, 1.5268677399071546e-07, -3.782637660291326e-08),
        *(9.428100823624284e-09, -2.361999702184645e-09, 5.943541905817546e-10),
        *(-1.501312977072867e-10, 3.8050196458110534e-11, -9.672485299656325e-12),
        *(2.465348198355661e-12, -6.298868140791711e-13, 1.6128460030283787e-13),
        *(-4.137949206814042e-14, 1.0635701227757898e-14, -2.7382420786652826e-15),
        *(7.060670507214892e-16, -1.8232177141662118e-16, 4.714169006756272e-17),
    )
    stirling = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
    x = np.asarray(x)
    z = x.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = np.where(z < 0, 1 - z, z)
        b = np.where(a < 1, a + 1, a)
        c = np.where(b < 8, b + 5, b)
        near = np.polynomial.chebyshev.chebval(np.minimum(b, 3) - 2, series)
        lift = np.where(a < 1, 1.0, 0.0)  # b - a, before b is rounded
        near = near * (a - (1 - lift)) * (a - (2 - lift))
        near = near - lift * np.log(np.minimum(a, 1))
        tail = np.polynomial.polynomial.polyval(1 / (c * c), stirling) / c
        far = c * (np.log(c) - 1) - 0.5 * np.log(c / (2 * np.pi)) + tail
        rise = b * (b + 1) * (b + 2) * (b + 3) * (b + 4)
        value = np.where(b < 3, near, far - np.where(b < 8, np.log(rise), 0.0))
        sine = np.abs(np.sin(np.pi * (z - np.round(z))))
        value = np.where(z < 0, np.log(np.pi / sine) - value, value)
    return np.where(np.isinf(z), np.inf, value).astype(x.dtype)[()]


def _digamma(x: np.ndarray) -> np.ndarray:
    """Return the derivative of gammaln, to 4e-15 relative to max(1, result).

    The recurrence up by 10, then the asymptotic series; below 0, the reflection formula
    (DLMF 5.5.2, 5.11.2, 5.5.4), whose error grows like that of tan(pi x) near its
    poles. At -1, -2, ... the result is nan.
    """
    series = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
    x = np.asarray(x)
    z = x.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = np.where(z < 0, 1 - z, z)
        b = a + 10
        tail = np.polynomial.polynomial.polyval(1 / (b * b), series) / (b * b)
        value = np.log(b) - 0.5 / b - tail
        for k in range(9, -1, -1):
            value = value - 1 / (a + k)
        r = z - np.round(z)
        cotangent = np.where(r == 0, np.nan, 1 / np.tan(np.pi * r))
        value = np.where(z < 0, value - np.pi * cotangent, value)
    return value.astype(x.dtype)[()]


def _polygamma(order: int, x: np.ndarray) -> np.ndarray:
    """Return derivative number ``order`` >= 1 of digamma, to 1e-14 relative for x > 0.

    The Hurwitz zeta function by Euler-Maclaurin summation (DLMF 5.15.1, 25.11.28);
    below 0, the reflection formula with the derivatives of pi cot(pi x) (DLMF 5.15.6).
    """
    # Bernoulli numbers B_2j / (2j)!
    series = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)
    x = np.asarray(x)
    z = x.astype(np.float64)
    s, terms = order + 1, 14 + order
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = np.where(z < 0, 1 - z, z)
        b = a + terms
        zeta = b ** (1 - s) / (s - 1) + 0.5 * b**-s
        factor = s * b ** (-s - 1)
        for j, coefficient in enumerate(series):
            zeta = zeta + coefficient * factor
            factor = factor * (s + 2 * j + 1) * (s + 2 * j + 2) / (b * b)
        for k in range(terms - 1, -1, -1):
            zeta = zeta + (a + k) ** -s
        factorial = np.prod(np.arange(1.0, order + 1))
        value = (-1) ** (order + 1) * factorial * zeta
        slope = np.polynomial.Polynomial([0.0, 1.0])
        for _ in range(order):
            slope = np.polynomial.Polynomial([-1.0, 0.0, -1.0]) * slope.deriv()
        r = z - np.round(z)
        pole = np.inf if order % 2 else np.nan
        turned = np.pi**s * slope(1 / np.tan(np.pi * r))
        reflected = (-1) ** order * value - np.where(r == 0, -pole, turned)
        value = np.where(z < 0, reflected, value)
    return value.astype(x.dtype)[()]


def _sinc_derivative(x: np.ndarray, order: int) -> np.ndarray:
    """Return derivative number ``order`` >= 1 of np.sinc, to 1e-14 of its maximum.

    With z = pi x, z f(z) = sin(z) gives the recurrence z f' + f = cos(z), and so on;
    where |z| < order it would cancel, and the Taylor series is summed instead.
    """
    x = np.asarray(x)
    z = np.pi * x.astype(np.float64)
    near = np.abs(z) < order
    inner, outer = np.where(near, z, 0.0), np.where(near, 1.0, z)
    odd = order % 2
    term = (-1) ** ((order + odd) // 2) * inner**odd
    series = term / (order + odd + 1)
    for m in range(odd + 2, odd + 24 + 4 * order, 2):
        term = -term * inner * inner / (m * (m - 1))
        series = series + term / (order + m + 1)
    sine, cosine = np.sin(outer), np.cos(outer)
    value = sine / outer
    for k in range(1, order + 1):
        sine, cosine = cosine, -sine
        value = (sine - k * value) / outer
    return (np.pi**order * np.where(near, series, value)).astype(x.dtype)[()]


def _linear_recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """Return s with s[0] = b[0] and s[k] = a[k] s[k - 1] + b[k] along ``axis``."""
    a, s = np.moveaxis(a, axis, 0), np.moveaxis(np.array(b), axis, 0)
    for k in range(1, len(s)):
        s[k] += a[k] * s[k - 1]
    return np.moveaxis(s, 0, axis)


def _cofactors(a: np.ndarray) -> np.ndarray:
    """Return the derivative of det(a), for singular matrices too.

    det(a) times the inverse, whose errors cancel, to some units in the last place of
    the largest cofactor; where det(a) is 0, by a = u s v, det(u) det(v) u c v with c
    the products of all other singular values (Stewart 1998).
    """
    d = np.linalg.det(a)
    zero = np.asarray(d == 0)[..., None, None]
    regular = np.where(zero, np.eye(a.shape[-1], dtype=a.dtype), a)
    found = d[..., None, None] * np.swapaxes(np.linalg.inv(regular), -1, -2)
    if not zero.any():
        return found
    u, s, v = np.linalg.svd(np.where(zero, a, 0))
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    signed = (np.linalg.det(u) * np.linalg.det(v))[..., None] * others
    return np.where(zero, np.matmul(u * signed[..., None, :], v), found)


# Not registered by decorators, which would be part of the source.
for _function in (
    _erf,
    _erfc,
    _gammaln,
    _digamma,
    _polygamma,
    _sinc_derivative,
    _linear_recurrence,
    _cofactors,
):
    helper(_function)
