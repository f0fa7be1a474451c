"""Named noise channels, applied to each wire after each gate."""

from __future__ import annotations

from dataclasses import dataclass

import pennylane as qml

from circuits.errors import UsageError, check_real, unknown_name

__all__ = ["NOISE_CHANNELS", "Noise"]

NOISE_CHANNELS: dict[str, type[qml.operation.Channel]] = {
    "amplitude-damping": qml.AmplitudeDamping,
    "bit-flip": qml.BitFlip,
    "depolarizing": qml.DepolarizingChannel,
    "phase-damping": qml.PhaseDamping,
    "phase-flip": qml.PhaseFlip,
}
"""The channels by name. Each takes one number in [0, 1]: PennyLane's ``p`` or ``gamma``."""


@dataclass(frozen=True)
class Noise:
    r"""A single-qubit channel that follows every gate, on each wire that the gate acts on.

    In terms of the strength :math:`p`, for a state :math:`\rho`:

    - ``bit-flip``: :math:`(1-p)\rho + p X\rho X`; ``phase-flip``: the same with :math:`Z`;
    - ``depolarizing``: :math:`(1-p)\rho + \tfrac{p}{3}(X\rho X + Y\rho Y + Z\rho Z)`, so that the
      state is fully mixed at :math:`p = 3/4`;
    - ``amplitude-damping``: decay from one to zero with probability :math:`p`;
    - ``phase-damping``: the coherences shrink by :math:`\sqrt{1-p}`.

    Templates and adjoints are taken apart before the channels are put in; any other gate counts as
    one gate, whatever a device decomposes it into.

    Args:
        channel: A name among ``NOISE_CHANNELS``.
        strength: The channel's probability, in [0, 1].

    Raises:
        UsageError: If the channel is unknown or the strength is outside [0, 1].

    Example:
        >>> Noise.parse("depolarizing:0.01")
        Noise(channel='depolarizing', strength=0.01)
        >>> str(Noise("bit-flip", 0.1))
        'bit-flip:0.1'

    References:
        M. A. Nielsen and I. L. Chuang, Quantum Computation and Quantum Information, section 8.3.
    """

    channel: str
    strength: float

    def __post_init__(self) -> None:
        if self.channel not in NOISE_CHANNELS:
            raise unknown_name("noise channel", self.channel, NOISE_CHANNELS)
        if check_real(f"the strength of {self.channel!r} noise", self.strength, least=0) > 1:
            raise UsageError(
                f"the strength of {self.channel!r} noise must lie in [0, 1], got {self.strength}."
            )
        # 1 and 1.0, 0.0 and -0.0 are the same noise and must make the same cache key.
        object.__setattr__(self, "strength", abs(float(self.strength)))

    @classmethod
    def parse(cls, text: str) -> Noise:
        """Read a channel and its strength from ``"channel:strength"``.

        Args:
            text: For example ``"amplitude-damping:0.05"``.

        Raises:
            UsageError: If the text has another form, or names no known channel or strength.
        """
        channel, colon, strength = text.partition(":")
        if channel not in NOISE_CHANNELS:
            raise unknown_name("noise channel", channel, NOISE_CHANNELS)
        try:
            number = float(strength)
        except ValueError as error:
            raise UsageError(
                f"noise is written as CHANNEL:STRENGTH, for example {channel}:0.01; "
                f"the strength that arrived: {repr(strength) if colon else 'none'}."
            ) from error
        return cls(channel, number)

    def __str__(self) -> str:
        return f"{self.channel}:{self.strength!r}"

    def apply(self, tape: qml.tape.QuantumScript) -> qml.tape.QuantumScript:
        """Return the tape with this channel after every gate; barriers are none, and are left out."""
        gates = [op for op in tape.operations if not isinstance(op, qml.Barrier)]
        channel = NOISE_CHANNELS[self.channel]
        plain = tape.copy(operations=gates)
        (noisy,), _ = qml.noise.insert(plain, channel, op_args=self.strength, position="all")
        return noisy
