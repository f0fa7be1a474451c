"""How trials are chosen: by their index and the seed, so that the same seed gives the same trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product
from math import prod
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from qkan.studies.sweep.config import SweepConfig
from qkan.studies.sweep.space import Dimension

__all__ = ["IndexedSampler", "number_of_trials"]


def number_of_trials(config: SweepConfig, space: Mapping[str, Dimension]) -> int:
    """Return how many trials a sweep has.

    Raises:
        UsageError: If a grid has no end.
    """
    if config.sampler != "grid":
        return config.trials or 0
    points = prod(len(dimension.grid(name)) for name, dimension in space.items())
    return points if config.trials is None else min(points, config.trials)


class IndexedSampler(BaseSampler):
    """Samples trial ``index``, as a sampler does that begins with the seed ``(seed, index)``.

    Optuna's samplers carry a generator along, whose state a killed process takes with it: after a restart they would
    draw the first trials again, and two processes would draw the same ones. Here, a random trial follows from its
    index alone, a grid's likewise, and one of TPE from its index and the results at that time.

    Args:
        config: The sweep.
        space: What is varied.

    Reference: J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011
    (TPE); T. Akiba et al., "Optuna", KDD 2019, arXiv:1907.10902.
    """

    def __init__(self, config: SweepConfig, space: Mapping[str, Dimension]) -> None:
        self._config = config
        self._space = space
        self.begin(0)

    def begin(self, index: int) -> None:
        """Make ready for the trial of this index."""
        seed = int(np.random.SeedSequence([self._config.seed, index]).generate_state(1)[0])
        self._point: dict[str, Any] | None = None
        self._sampler: BaseSampler
        if self._config.sampler == "grid":
            points = product(*(d.grid(name) for name, d in self._space.items()))
            chosen = next(islice(points, index, None), None)
            self._point = dict(zip(self._space, chosen, strict=True)) if chosen else {}
        self._sampler = (
            TPESampler(seed=seed) if self._config.sampler == "tpe" else RandomSampler(seed)
        )

    def infer_relative_search_space(  # noqa: D102
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if self._point is not None:
            return {name: dimension.distribution for name, dimension in self._space.items()}
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(  # noqa: D102
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._point is not None:
            return self._point
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(  # noqa: D102
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:  # noqa: D102
        self._sampler.before_trial(study, trial)

    def after_trial(  # noqa: D102
        self, study: Study, trial: FrozenTrial, state: Any, values: Sequence[float] | None
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)
