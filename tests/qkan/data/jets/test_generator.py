"""Jets from Pythia: a few of each process, selected as the recipe says, the same for the same seed."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from circuits.errors import MissingExtraError, UsageError
from qkan.data.jets.generate import (
    PROCESSES,
    _hard_quarks,
    chunk_seed,
    generate,
    make_chunk,
    process,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("label", [0, 1])
def test_jets_pass_the_selection(name: str, label: int) -> None:
    recipe = process(name)
    jets = generate(recipe, label, jets=1, seed=4)
    low, high = recipe.pt
    # Masses of the PDG instead of Pythia's change a jet's momentum by parts in a million.
    assert (jets.jet_pt > low - 0.01).all()
    assert (jets.jet_pt < high + 0.01).all()
    dy, dphi = jets.relative()
    assert np.hypot(dy, dphi).max() < 2 * recipe.radius
    assert (np.diff(jets.pt, axis=1) <= 0).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (make_chunk("qg", 1, index, jets=1, seed=7) for index in (0, 0, 1))
    for name, values in first.items():
        assert values.tobytes() == again[name].tobytes()
    assert first["constituents"].tobytes() != other["constituents"].tobytes()
    assert first["observables"].shape == (1, 12)
    assert first["images"].shape == (1, 1, 18, 18)


def test_quark_jets_are_of_light_quarks_alone() -> None:
    """As in the published sample: charm and bottom look more like gluons."""
    assert process("qg").signal.hard == (1, 2, 3)
    z_with_charm = np.array([2, 21, 23, -4, 12]), np.array([-21, -21, -22, -23, 1])
    assert _hard_quarks(*z_with_charm) == [4]
    z_with_gluon = np.array([2, -2, 23, 21]), np.array([-21, -21, -22, -23])
    assert _hard_quarks(*z_with_gluon) == []


def test_seeds_of_chunks_are_what_pythia_takes() -> None:
    seeds = {chunk_seed(0, label, index) for label in (0, 1) for index in range(500)}
    assert len(seeds) == 1000
    assert 1 <= min(seeds) <= max(seeds) <= 900_000_000


def test_wrong_wishes_are_refused() -> None:
    recipe = process("qg")
    with pytest.raises(UsageError, match=r"unknown process 'gq'\. Known: qg, top, w"):
        process("gq")
    with pytest.raises(UsageError, match="number of jets must be an integer of at least 1"):
        generate(recipe, 1, jets=0, seed=1)
    with pytest.raises(UsageError, match="seeds from 1 to 900,000,000"):
        generate(recipe, 1, jets=1, seed=0)
    wrong = replace(recipe, signal=replace(recipe.signal, card=("Beam:eCM = 14000.",)))
    with pytest.raises(UsageError, match=r"does not know the setting 'Beam:eCM = 14000\.'"):
        generate(wrong, 1, jets=1, seed=1)


def test_a_missing_program_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("pythia8mc", "fastjet", "awkward"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)  # which makes its import fail
            with pytest.raises(MissingExtraError, match=rf"{missing} is not installed.*hep-gen"):
                generate(process("qg"), 1, jets=1, seed=1)


@pytest.mark.slow
def test_standard_output_is_for_results(capfd: pytest.CaptureFixture[str]) -> None:
    """FastJet prints a banner when it first clusters, unless it has no stream to print to."""
    import fastjet

    generate(process("qg"), 1, jets=1, seed=4)
    assert fastjet.ClusterSequenceArea.fastjet_banner_stream() is None
    assert capfd.readouterr().out == ""
