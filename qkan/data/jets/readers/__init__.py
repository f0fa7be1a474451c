"""Readers of the files in which jets are published; each file is another layout.

=================== ================================================= ==================================
reader              file                                              source
=================== ================================================= ==================================
``energyflow``      quark and gluon jets, npz                         doi:10.5281/zenodo.3164691
``top_tagging``     top tagging reference, HDF5 of pandas             doi:10.5281/zenodo.2603256
``hls4ml``          jets of five classes, HDF5                        doi:10.5281/zenodo.3602254
``ecal``            electrons and photons in a calorimeter, HDF5      doi:10.1007/s41781-020-00038-8
``from_awkward``    momenta in memory: awkward arrays, ``vector``     doi:10.21105/joss.05791
=================== ================================================= ==================================

Nothing is downloaded, and nothing that a file holds is executed: what pandas pickled into its attributes is not read.
"""

from __future__ import annotations

from qkan.data.jets.readers.ecal import ecal
from qkan.data.jets.readers.energyflow import energyflow
from qkan.data.jets.readers.hls4ml import hls4ml
from qkan.data.jets.readers.momenta import from_awkward
from qkan.data.jets.readers.top_tagging import top_tagging

__all__ = ["ecal", "energyflow", "from_awkward", "hls4ml", "top_tagging"]
