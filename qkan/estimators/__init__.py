"""Models as scikit-learn estimators; they need the extra ``sklearn``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from circuits._lazy import lazy_exports
from circuits.errors import MissingExtraError

if TYPE_CHECKING:
    from qkan.estimators.kan import KANClassifier, KANRegressor
    from qkan.estimators.qkan import QKANClassifier, QKANRegressor

__all__ = ["KANClassifier", "KANRegressor", "QKANClassifier", "QKANRegressor"]

_get = lazy_exports(
    __name__,
    {
        "KANClassifier": "qkan.estimators.kan",
        "KANRegressor": "qkan.estimators.kan",
        "QKANClassifier": "qkan.estimators.qkan",
        "QKANRegressor": "qkan.estimators.qkan",
    },
)


def __getattr__(name: str) -> Any:
    if name in __all__ and find_spec("sklearn") is None:
        raise MissingExtraError(
            f"{name} needs scikit-learn: pip install 'hybrid-qkan[sklearn]' brings it"
        )
    return _get(name)
