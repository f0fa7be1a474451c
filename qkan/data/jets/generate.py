"""Jets from Pythia and FastJet: particle level, without detector and pile-up.

A sample is made in parts, each alone and from a seed of its own, so that it may be made anywhere.

Source: C. Bierlich et al., arXiv:2203.11601 (Pythia 8.3); M. Cacciari, G. P. Salam, G. Soyez, arXiv:1111.6097 (FastJet)
and arXiv:0802.1189 (anti-kt).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import MissingExtraError, UsageError, check_integer, unknown_name
from qkan.data.jets.constituents import NEUTRINOS, Constituents
from qkan.data.jets.observables import images, observables

__all__ = [
    "CHUNK",
    "PIXELS",
    "PROCESSES",
    "JetClass",
    "Process",
    "chunk_seed",
    "generate",
    "generator_versions",
    "make_chunk",
    "process",
]

CHUNK = 100
"""Jets in a chunk: some ten seconds of work are lost at most when a run is killed."""

PIXELS = 18
"""Pixels a side of a jet image: at R = 0.4 one is 0.044 wide, the core is one two-by-two patch."""

_BATCH = 20  # events made at a time: as arrays they take about 1 MB
_OUT_OF_THE_HARD_PROCESS = 23  # Pythia's status of such a particle
_HEAVIEST_QUARK = 6
_MAX_EMPTY = 20_000  # after so many events without a jet the selection is taken to be impossible


@dataclass(frozen=True)
class JetClass:
    """Jets of one kind.

    Attributes:
        name: What they are called.
        card: Settings of Pythia that make them.
        partons: PDG numbers, without sign, of which one must lie in the jet before it decays; none: any jet.
        hard: PDG numbers, without sign, that quarks out of the hard process may have; none: any.
    """

    name: str
    card: tuple[str, ...]
    partons: tuple[int, ...] = ()
    hard: tuple[int, ...] = ()


@dataclass(frozen=True)
class Process:
    """Signal and background jets, and the selection that both pass.

    Attributes:
        name: The name to ask for.
        signal: Label 1.
        background: Label 0.
        radius: Of the anti-kt jets.
        pt: Range of the jet's transverse momentum in GeV.
        rapidity: Largest absolute rapidity of the jet.
        source: Where the recipe is from.
    """

    name: str
    signal: JetClass
    background: JetClass
    radius: float
    pt: tuple[float, float]
    rapidity: float
    source: str

    @property
    def classes(self) -> tuple[JetClass, JetClass]:
        """The classes in the order of their labels."""
        return self.background, self.signal


_COMMON = ("Beams:eCM = 14000.", "PartonLevel:MPI = on", "HadronLevel:all = on")
_INVISIBLE_Z = ("WeakZ0:gmZmode = 2", "23:onMode = off", "23:onIfAny = 12 14 16")
_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")

# The hard process may be softer than the jet. Of the jets of 500 to 550 GeV that a bound of 380 GeV gives, 400 leaves
# out 3 % of the quark jets and no gluon jet (of 215 and 179); 450 would leave out 13 % and 4 %.
_HARD = (*_COMMON, "PhaseSpace:pTHatMin = 400.")

PROCESSES = {
    known.name: known
    for known in (
        Process(
            "qg",
            JetClass(
                "quark",
                (*_HARD, *_INVISIBLE_Z, "WeakBosonAndParton:qg2gmZq = on"),
                hard=(1, 2, 3),  # light quarks alone, as in the published sample without c and b
            ),
            JetClass("gluon", (*_HARD, *_INVISIBLE_Z, "WeakBosonAndParton:qqbar2gmZg = on")),
            radius=0.4,
            pt=(500.0, 550.0),
            rapidity=1.7,
            source="P. T. Komiske, E. M. Metodiev, J. Thaler, arXiv:1810.05165, doi:10.5281/zenodo.3164691",
        ),
        Process(
            "top",
            JetClass(
                "top",
                (*_HARD, *_HADRONIC_W, "Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
                partons=(6,),
            ),
            JetClass("qcd", (*_HARD, "HardQCD:all = on")),
            radius=0.8,
            pt=(550.0, 650.0),
            rapidity=2.0,
            source="G. Kasieczka et al., arXiv:1902.09914",
        ),
        Process(
            "w",
            JetClass("w", (*_HARD, *_HADRONIC_W, "WeakDoubleBoson:ffbar2WW = on"), partons=(24,)),
            JetClass("qcd", (*_HARD, "HardQCD:all = on")),
            radius=0.8,
            pt=(500.0, 600.0),
            rapidity=2.0,
            source="a boosted W from pairs of W, against jets of QCD, selected alike",
        ),
    )
}
"""The processes that are known, by name."""


def process(name: str) -> Process:
    """Return the process of this name.

    Raises:
        UsageError: If there is none; the message lists them.

    Example:
        >>> process("qg").signal.name
        'quark'
    """
    if name not in PROCESSES:
        raise unknown_name("process", name, PROCESSES)
    return PROCESSES[name]


def chunk_seed(seed: int, label: int, index: int) -> int:
    """Return the seed of Pythia for a chunk of a class, from 1 to 900,000,000.

    Example:
        >>> len({chunk_seed(0, label, index) for label in (0, 1) for index in range(100)})
        200
    """
    state = np.random.SeedSequence(seed, spawn_key=(label, index)).generate_state(1)[0]
    return 1 + int(state) % 900_000_000


def make_chunk(
    name: str, label: int, index: int, jets: int, seed: int
) -> dict[str, npt.NDArray[np.generic]]:
    """Return one chunk of jets of one class.

    Args:
        name: Of the process.
        label: 1 for signal, 0 for background.
        index: Number of the chunk.
        jets: How many.
        seed: Of the whole sample.

    Shape:
        ``constituents`` (N, M, 4), float32: pt, y, phi, pid; ``observables`` (N, 12), float32;
        ``images`` (N, 1, 18, 18), uint8; ``labels`` (N,), int64.

    Raises:
        UsageError: If there is no such process or a number is out of range.
        MissingExtraError: If a program that makes jets is not installed.
    """
    recipe = process(name)
    found = generate(recipe, label, jets, chunk_seed(seed, label, index))
    return {
        "constituents": found.particles,
        "observables": observables(found, recipe.radius),
        "images": images(found, recipe.radius, PIXELS),
        "labels": np.full(jets, label, np.int64),
    }


def generate(process: Process, label: int, jets: int, seed: int) -> Constituents:
    """Return so many jets of a class; the same seed gives the same jets.

    An event gives its jet of largest transverse momentum, if that passes the selection (and holds the
    class's parton, where it names one), else nothing.

    Args:
        process: What to generate.
        label: 1 for signal, 0 for background.
        jets: How many.
        seed: Of Pythia's random numbers, from 1 to 900,000,000.

    Raises:
        UsageError: If a number is out of range, Pythia refuses a setting, or no event passes.
        MissingExtraError: If Pythia, FastJet or Awkward is not installed.
    """
    check_integer("the number of jets", jets)
    if not 1 <= seed <= 900_000_000:
        raise UsageError(f"Pythia takes seeds from 1 to 900,000,000, got {seed}.")
    found: list[npt.NDArray[np.float64]] = []
    empty = 0
    for event in _events(process.classes[label], seed):
        jet = _select(event, process, process.classes[label])
        if jet is None:
            empty += 1
            if empty == _MAX_EMPTY:
                raise UsageError(
                    f"no jet of class {process.classes[label].name!r} of process {process.name!r} "
                    f"in {empty} events: does its selection fit its settings of Pythia?"
                )
            continue
        empty = 0
        found.append(jet)
        if len(found) == jets:
            break
    most = max(len(jet) for jet in found)
    return Constituents.of(np.stack([np.pad(j, ((0, most - len(j)), (0, 0))) for j in found]))


def generator_versions() -> dict[str, str]:
    """Return the versions of the programs that make the jets.

    Raises:
        MissingExtraError: If one of them is not installed.
    """
    from importlib.metadata import version

    _import()
    return {name: version(name) for name in ("pythia8mc", "fastjet", "awkward")}


def _import() -> tuple[Any, Any]:
    try:
        import awkward  # noqa: F401 -- Pythia hands out its events as awkward arrays
        import fastjet
        import pythia8mc
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; jets are generated by programs under the GPL, "
            "which come with an extra: pip install 'hybrid-qkan[hep-gen]'"
        ) from error
    # FastJet would print a banner on standard output, which is for results; its publications are cited instead.
    fastjet.ClusterSequenceArea.set_fastjet_banner_stream(None)
    return pythia8mc, fastjet


def _events(kind: JetClass, seed: int) -> Iterator[Any]:
    """Yield the particles of event after event, as arrays, without end."""
    pythia8mc, _ = _import()
    pythia = pythia8mc.Pythia("", False)
    settings = (*kind.card, "Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}")
    for setting in settings:
        if not pythia.readString(setting):
            raise UsageError(f"Pythia does not know the setting {setting!r} of {kind.name!r}.")
    if not pythia.init():
        raise UsageError(f"Pythia cannot be started with the settings of {kind.name!r}.")
    while True:
        batch = pythia.nextBatch(_BATCH)
        yield from batch.prt


def _select(event: Any, process: Process, kind: JetClass) -> npt.NDArray[np.float64] | None:
    """Return the constituents (pt, y, phi, pid) of the event's jet, the hardest first, or None."""
    _, fastjet = _import()
    pid, status = event.id.to_numpy(), event.status.to_numpy()
    if kind.hard and not set(_hard_quarks(pid, status)) <= set(kind.hard):
        return None
    momenta = np.stack([event.p[part].to_numpy() for part in ("px", "py", "pz", "e")], axis=1)
    visible = (status > 0) & ~np.isin(np.abs(pid), NEUTRINOS)
    particles = []
    for number, momentum in zip(pid[visible].tolist(), momenta[visible].tolist(), strict=True):
        particle = fastjet.PseudoJet(*momentum)
        particle.set_user_index(number)
        particles.append(particle)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, process.radius)
    cluster = fastjet.ClusterSequence(particles, definition)
    low, high = process.pt
    jets = fastjet.sorted_by_pt(cluster.inclusive_jets(low))
    if not jets or jets[0].pt() > high or abs(jets[0].rap()) > process.rapidity:
        return None
    if kind.partons:  # one of them must point into the jet
        partons = momenta[np.isin(np.abs(pid), kind.partons)].tolist()
        if not any(jets[0].delta_R(fastjet.PseudoJet(*p)) < process.radius for p in partons):
            return None
    parts = fastjet.sorted_by_pt(jets[0].constituents())
    return np.array([(p.pt(), p.rap(), p.phi_std(), p.user_index()) for p in parts])


def _hard_quarks(pid: npt.NDArray[np.int32], status: npt.NDArray[np.int32]) -> list[int]:
    """Return the kinds of quarks that come out of the hard process, without sign."""
    outgoing = np.abs(pid[np.abs(status) == _OUT_OF_THE_HARD_PROCESS])
    return [int(kind) for kind in outgoing if kind <= _HEAVIEST_QUARK]
