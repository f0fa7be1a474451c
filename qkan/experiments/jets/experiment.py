"""One run of the jet study."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from circuits.errors import MissingExtraError
from qkan.data.jets import quark_gluon
from qkan.data.jets.sample import EMBEDDED_SHA256
from qkan.experiments.jets.arms import arms
from qkan.experiments.jets.conclude import conclude
from qkan.experiments.jets.config import Config
from qkan.experiments.jets.training import train_on_jets
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the study and return the folder with its results, figures and reports.

    Raises:
        UsageError: If a setting or a folder is not what it should be.
        MissingExtraError: If scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise MissingExtraError("the jet study needs scikit-learn: pip install 'hybrid-qkan[hep]'")
    sample = quark_gluon()
    facts = {
        "data": {"source": "quark and gluon jets inside the package", "sha256": EMBEDDED_SHA256},
        "jets": f"{config.train} training, {len(sample.part('test'))} test",
        "generator": dict(sample.metadata["generator"]),
    }
    settings = {name: {**arm, "sample": EMBEDDED_SHA256} for name, arm in arms(config).items()}
    study = Study(
        "jets",
        "Quark against gluon jets",
        config,
        settings,
        config.seeds,
        train_on_jets,
        partial(conclude, config),
        facts,
    )
    return study.run(places)
