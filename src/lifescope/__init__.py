"""lifescope: dependency injection with lifespan scopes for ASGI applications."""

from lifescope._container import Container
from lifescope._declare.decorator import provider, supplied
from lifescope._inject import Inject, inject
from lifescope._model.keys import Named
from lifescope._runtime.binding import current_scope
from lifescope._runtime.scope import OpenScope
from lifescope.errors import (
    AcquisitionLoopError,
    AmbiguousContextManagerError,
    CaptiveDependencyError,
    CycleError,
    DuplicateProviderError,
    GraphError,
    InvalidProviderError,
    LateOverrideError,
    LifescopeError,
    LifespanNotRunError,
    MissingProviderError,
    NoScopeError,
    NotReadyError,
    NoYieldError,
    OverrideError,
    ReleaseError,
    ScopeClosedError,
    ScopeOrderError,
    SecondYieldError,
    SuppliedValueError,
    UnannotatedError,
    UnknownOverrideError,
    UnknownScopeError,
    UnresolvableAnnotationError,
)

__all__ = [
    "AcquisitionLoopError",
    "AmbiguousContextManagerError",
    "CaptiveDependencyError",
    "Container",
    "CycleError",
    "DuplicateProviderError",
    "GraphError",
    "Inject",
    "InvalidProviderError",
    "LateOverrideError",
    "LifescopeError",
    "LifespanNotRunError",
    "MissingProviderError",
    "Named",
    "NoScopeError",
    "NoYieldError",
    "NotReadyError",
    "OpenScope",
    "OverrideError",
    "ReleaseError",
    "ScopeClosedError",
    "ScopeOrderError",
    "SecondYieldError",
    "SuppliedValueError",
    "UnannotatedError",
    "UnknownOverrideError",
    "UnknownScopeError",
    "UnresolvableAnnotationError",
    "current_scope",
    "inject",
    "provider",
    "supplied",
]
