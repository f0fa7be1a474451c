"""What reaches a layer and how it is taken: checks, precision, transforms, modes, ways to evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from math import isfinite
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from circuits import Circuit, UsageError
from circuits.errors import check_integer, check_real, unknown_name

__all__ = [
    "Evaluation",
    "backward_without_autocast",
    "check_domain",
    "check_evaluation",
    "check_settings",
    "choose",
    "evaluating",
    "inclusive_clamp",
    "inside_transform",
    "modes_kept",
    "pair",
    "require_circuit",
    "require_finite",
    "require_floating",
    "require_samples",
    "require_tensor",
    "traced",
    "uncompiled",
    "without_autocast",
]

_REAL = (torch.float32, torch.float64)
_HALF = (torch.bfloat16, torch.float16)

Evaluation = Literal["auto", "closed", "fourier", "direct"]
"""How a circuit is evaluated; the closed form is there for circuits of one wire on the edges of a layer."""

B = TypeVar("B", bound=Callable[..., Any])


def require_circuit(circuit: Any) -> Circuit:
    """Return a circuit; refuse what is none."""
    if not isinstance(circuit, Circuit):
        raise UsageError(
            f"expected a circuits.Circuit, {type(circuit).__name__} arrived; take a filter by name with "
            "circuits.quanvolutional_filter('demo'), or decorate a quantum function with "
            "@circuits.circuit(wires=..., weights=...)"
        )
    return circuit


def require_tensor(x: Any, who: str) -> None:
    """Refuse arrays and lists."""
    if not isinstance(x, Tensor):
        raise UsageError(
            f"{who} expects a torch.Tensor, {type(x).__name__} arrived; use torch.as_tensor"
        )


def require_floating(x: Tensor, who: str) -> None:
    """Refuse tensors that hold no real numbers of at least 32 bits; simulators have no half precision."""
    if x.dtype not in _REAL:
        raise UsageError(f"{who} expects float32 or float64, {x.dtype} arrived; use x.float()")


def require_samples(x: Tensor, in_features: int, dtype: torch.dtype, who: str) -> None:
    """Refuse what has no samples of ``in_features`` numbers of a layer's dtype."""
    require_tensor(x, who)
    if x.ndim == 0 or x.shape[-1] != in_features:
        raise UsageError(
            f"{who}: expected an input of shape (..., {in_features}), got {tuple(x.shape)}; "
            "the last dimension must be in_features"
        )
    if x.dtype != dtype:
        raise UsageError(
            f"{who}: expected {dtype}, the layer's dtype, got {x.dtype}; "
            "convert the input or the layer with .to(dtype)"
        )
    require_floating(x, who)


def require_finite(x: Tensor, who: str) -> None:
    """Refuse NaN and infinity, which a sine would spread without a word."""
    if x.numel() == 0 or traced():  # there, no value can be looked at
        return
    # The sum is the cheapest pass that NaN and infinity cannot hide from; but it may overflow itself.
    if isfinite(float(x.detach().sum())):
        return
    count = int((~torch.isfinite(x)).sum())
    if count:
        raise UsageError(
            f"{who}: {count} of {x.numel()} inputs are NaN or infinite; clean the data before the layer"
        )


def pair(name: str, value: Any, *, least: int) -> tuple[int, int]:
    """Return two integers from one or two."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise UsageError(
            f"{name} must be an integer of at least {least} or two of them, got {value!r}"
        )
    return check_integer(name, both[0], least), check_integer(name, both[1], least)


def check_evaluation(
    evaluate: Evaluation, choices: tuple[str, ...] = get_args(Evaluation)
) -> Evaluation:
    """Return an evaluation; refuse what is not among the choices."""
    if evaluate not in choices:
        raise unknown_name("evaluation", str(evaluate), choices)
    return evaluate


def choose(evaluate: str, circuit: Circuit, count: int, rows: str) -> tuple[str, str]:
    """Return ``"fourier"`` or ``"direct"``, or what was asked for, and the reason.

    Args:
        evaluate: What was asked for.
        circuit: The circuit.
        count: The number of rows of inputs.
        rows: What they are called in the reason.
    """
    if evaluate != "auto":
        return evaluate, "as asked"
    if circuit.direct_only is not None:
        return "direct", f"there is no series: {circuit.direct_only}"
    nodes = circuit.num_nodes
    if nodes <= count:
        return "fourier", f"its {nodes} nodes are no more than the {rows}"
    return "direct", f"it has more nodes ({nodes}) than there are {rows} ({count})"


def check_domain(domain: Any, dtype: torch.dtype = torch.float64) -> tuple[float, float]:
    """Return ``domain`` as two floats.

    Raises:
        UsageError: If it is not two finite numbers in increasing order, further apart than rounding.
    """
    try:
        lower, upper = domain
    except (TypeError, ValueError) as error:
        raise UsageError(f"domain must be two numbers (min, max), got {domain!r}") from error
    lower, upper = (check_real("each end of the domain", end) for end in (lower, upper))
    if not lower < upper:
        raise UsageError(f"domain must be finite with min < max, got ({lower}, {upper})")
    kind, size = torch.finfo(dtype), max(abs(lower), abs(upper))
    if not max(1e3 * kind.eps * size, 1e3 * kind.tiny) < upper - lower < kind.max / 4:
        raise UsageError(
            f"domain ({lower}, {upper}) has no room for functions of {dtype}: shift and scale the inputs"
        )
    return lower, upper


def check_settings(dtype: Any, generator: Any) -> None:
    """Refuse types without a sum of edges in full precision, and seeds in place of generators."""
    if dtype is not None and dtype not in _REAL:
        raise UsageError(f"expected dtype torch.float32 or torch.float64, got {dtype!r}")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise UsageError(
            f"generator must be a torch.Generator, got {generator!r}; "
            "for a seed take torch.Generator().manual_seed(seed)"
        )


def inclusive_clamp(x: Tensor, lower: float | Tensor, upper: float | Tensor) -> Tensor:
    """Return ``x`` clamped, with derivative 1 at the bounds themselves, forwards and backwards.

    Data often lie exactly there (black pixels, knots), where ``torch.clamp`` has had the gradient
    0 or 1, depending on its version.
    """
    clamped = x.detach().clamp(lower, upper)  # type: ignore[arg-type]  # the stub wants one kind
    if not (inside_transform() or (torch.is_grad_enabled() and x.requires_grad)):
        return clamped
    return torch.where((x < lower) | (x > upper), clamped, x)


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Leave every part of a model in the mode, training or evaluation, that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Look without leaving a trace: no gradients, no dropout, no running statistics that move."""
    with modes_kept(model), torch.no_grad():
        model.eval()
        yield


def inside_transform() -> bool:
    """Tell whether a transform of ``torch.func`` (vmap, grad) is running, or forward-mode differentiation."""
    # torch has no public question for either; its own modules ask the same.
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return True
    return torch.autograd.forward_ad._current_level >= 0


def traced() -> bool:
    """Tell whether operations are transformed or compiled, so that they must be plain and out of place."""
    return torch.compiler.is_compiling() or inside_transform()


def uncompiled(function: B) -> B:
    """Return a function that ``torch.compile`` goes around, with all that it calls.

    ``torch.compiler.disable`` itself loads the compiler, for seconds: it is asked for where that is there.
    """
    disabled: list[B] = []

    @wraps(function)
    def run(*args: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return function(*args)
        if not disabled:
            disabled.append(torch.compiler.disable(function))  # type: ignore[no-untyped-call]
        return disabled[0](*args)

    run._torchdynamo_disable = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]


def without_autocast(forward: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """Return a layer's ``forward`` that autocast leaves alone.

    Sums of a layer cancel: in bfloat16 a Fourier sum of float32 weights is off by parts in a thousand. As torch does
    with its own sensitive operations, what arrives in half precision is raised to the layer's dtype.
    """

    @wraps(forward)
    def run(self: Any, input: Tensor) -> Tensor:
        if not isinstance(input, Tensor) or not torch.is_autocast_enabled(input.device.type):
            return forward(self, input)
        with torch.autocast(input.device.type, enabled=False):
            if input.dtype in _HALF:
                input = input.to(getattr(self, "dtype", torch.float32))
            return forward(self, input)

    return run


def backward_without_autocast(backward: B) -> B:
    """Return an autograd function's ``backward`` that autocast leaves alone, where it is run inside."""

    @wraps(backward)
    def run(ctx: Any, *upstream: Tensor) -> Any:
        kind = upstream[0].device.type
        if not torch.is_autocast_enabled(kind):
            return backward(ctx, *upstream)
        with torch.autocast(kind, enabled=False):
            return backward(ctx, *upstream)

    return run  # type: ignore[return-value]
