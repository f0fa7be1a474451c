"""What is generated: the hard processes, and which jets of an event are taken."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.errors import unknown_name

__all__ = ["PROCESSES", "JetClass", "Process", "process"]


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
