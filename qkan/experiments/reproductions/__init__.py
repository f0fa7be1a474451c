"""The published models, reproduced one by one: definitions in, one experiment each.

``qkan reproduce scipy-kan | table-kan | sinekan | cnn | mlp`` are all the same experiment with another
:class:`~qkan.experiments.reproductions.definitions.Definition`: to add one, add a definition and a line below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.reproductions.config import Config
from qkan.experiments.reproductions.config import Config as _Config
from qkan.experiments.reproductions.definitions import DEFINITIONS

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["CNN", "MLP", "SCIPY_KAN", "SINEKAN", "TABLE_KAN", "Config", "Reproduction"]


class Reproduction:
    """An experiment that reproduces the models of one definition; what a module is to other experiments.

    Args:
        name: The definition's.
    """

    Config = _Config

    def __init__(self, name: str) -> None:
        self.name = name
        self.definition = DEFINITIONS[name]
        self.__doc__ = self.definition.about

    def run(self, config: _Config, places: Places | None = None) -> RunFolder:
        """Run it; see :func:`qkan.experiments.reproductions.experiment.run`."""
        from qkan.experiments.reproductions.experiment import run

        return run(self.name, config, places)


SCIPY_KAN = Reproduction("scipy-kan")
TABLE_KAN = Reproduction("table-kan")
SINEKAN = Reproduction("sinekan")
CNN = Reproduction("cnn")
MLP = Reproduction("mlp")
