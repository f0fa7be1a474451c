"""Models as scikit-learn estimators; they need the extra ``sklearn``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from circuits.errors import MissingExtraError

if TYPE_CHECKING:
    from qkan.estimators.kan import KANClassifier as KANClassifier, KANRegressor as KANRegressor
    from qkan.estimators.qkan import (
        QKANClassifier as QKANClassifier,
        QKANRegressor as QKANRegressor,
    )
else:
    from circuits._lazy import lazy_exports

    _get, __dir__, __all__ = lazy_exports(__name__, __file__)

    def __getattr__(name: str) -> Any:
        if name in __all__ and find_spec("sklearn") is None:
            raise MissingExtraError(
                f"{name} needs scikit-learn: pip install 'hybrid-qkan[sklearn]' brings it"
            )
        return _get(name)
