"""What the numbers say, in sentences that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from circuits import Circuit, FourierSeries
from qkan.experiments.quanvolution.form import describe, forms_of

__all__ = ["form_sentence", "published_sentence"]


def form_sentence(circuit: Circuit, series: FourierSeries | None) -> str:
    """Return what the quantum layer is, as a function of a patch."""
    if series is None:
        why = circuit.direct_only or "its Fourier series has too many terms to look at each"
        return f"The filter {circuit.name} was not taken apart: {why}."
    forms = forms_of(series)
    terms = circuit.num_observables * prod(2 * degree + 1 for degree in circuit.degrees)
    return (
        f"The quantum layer is {describe(forms)} of a patch: of the {terms} Fourier coefficients "
        f"that its {circuit.num_wires} wires allow, {sum(form.terms for form in forms)} are not zero."
    )


def published_sentence(
    checks: Mapping[str, Mapping[str, Mapping[str, Any]]], *, same: bool = True
) -> str:
    """Return whether the published run is one that our seeds could have given.

    Args:
        checks: For each arm and metric the comparison with the published number.
        same: Whether the filter and its backend are the published ones; others reproduce nothing, even
            where the numbers cannot tell.
    """
    flat = [
        (f"{metric} of {arm}", check)
        for arm, metrics in checks.items()
        for metric, check in metrics.items()
    ]
    level = f"{100 * flat[0][1]['level']:g} %"
    outside = [name.replace("_", " ") for name, check in flat if not check["inside"]]
    if not outside and not same:
        return (
            f"Not told apart from the published run, though this is another filter or backend: all {len(flat)} "
            f"published numbers lie inside the {level} interval for one more run."
        )
    if not outside:
        return (
            f"Reproduced: all {len(flat)} published numbers lie inside the {level} interval for one "
            "more run."
        )
    return (
        f"Not reproduced: {len(outside)} of {len(flat)} published numbers lie outside the {level} "
        f"interval for one more run ({', '.join(outside)})."
    )
