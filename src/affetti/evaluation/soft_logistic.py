"""Logistic regression on shares, by numpy alone."""

import numpy as np

from affetti.tokens.elements import Reals

_STEPS = 50
_RIDGE = 1e-3


def fit_logistic(inputs: Reals, shares: Reals) -> Reals:
    """The coefficients [F] for which 1 / (1 + exp(-inputs @ coefficients)) is nearest to shares [N] in 0 to 1.

    inputs: [N, F]. Of largest likelihood but for a small penalty on large coefficients, found by Newton's method.
    """
    coefficients = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        found = 1 / (1 + np.exp(-np.clip(inputs @ coefficients, -30, 30)))
        gradient = inputs.T @ (shares - found) - _RIDGE * coefficients
        curvature = (inputs * (found * (1 - found))[:, None]).T @ inputs + _RIDGE * np.eye(inputs.shape[1])
        step = np.linalg.solve(curvature, gradient)
        coefficients = coefficients + step / max(
            1.0, float(np.abs(step).max())
        )  # no step is so long that it overshoots
        if np.abs(step).max() < 1e-9:
            break
    return coefficients
