"""How sums and products are written."""

from __future__ import annotations

__all__ = ["product", "total"]


def product(factor: float, text: str) -> str:
    """Write a factor in front of a text, with four digits.

    Example:
        >>> product(-1.0, "x"), product(2.5, "x")
        ('-x', '2.5 x')
    """
    number = f"{factor:.4g}"
    return {"1": text, "-1": f"-{text}"}.get(number, f"{number} {text}")


def total(text: str, number: float) -> str:
    """Write a number behind a text, with four digits; nothing where it is 0.

    Example:
        >>> total("x", -0.5), total("x", 0.0)
        ('x - 0.5', 'x')
    """
    if abs(number) < 1e-12:
        return text
    return f"{text} {'-' if number < 0 else '+'} {abs(number):.4g}"
