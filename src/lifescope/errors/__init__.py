"""Every exception class of lifescope. Data is in the attributes; the text is made from it.

LifescopeError
├── GraphError                       found when a container is built; `.problems` has them all
│   ├── MissingProviderError         nothing provides a key (also LookupError)
│   ├── DuplicateProviderError       two providers for one key
│   ├── CycleError                   providers that need each other
│   ├── CaptiveDependencyError       a longer-lived object needs a shorter-lived one
│   ├── UnannotatedError             a parameter or a result without annotation
│   ├── UnresolvableAnnotationError  an annotation that names something unknown
│   ├── AmbiguousContextManagerError to enter it or not to enter it?
│   ├── UnknownScopeError            a scope that the container does not have
│   ├── NeverFilledError             an endpoint whose injected parameters nobody fills
│   ├── InvalidProviderError         something that cannot be a provider
│   ├── ScopeOrderError              asked in a scope that is wider than the key's
│   └── UnusedProviderError          nothing asks for it: a warning of `lifescope check`
├── NoScopeError                     no scope is open here (also LookupError)
├── WrongLoopError                   the scope belongs to another event loop (also RuntimeError)
├── ScopeClosedError                 the scope has ended
├── SuppliedValueError               a scope was opened with other values than the declared ones
├── NotReadyError                    asked without awaiting for something that must be awaited
├── LifespanNotRunError              a request came, but no lifespan is running for it
├── ClientDisconnectedError          told to providers: the client has gone
├── NoYieldError, SecondYieldError   a generator that does not yield exactly once
├── WrongValueError                  a provider that gives something else (also TypeError)
├── AcquisitionLoopError             an acquisition that waits for itself
├── AcquisitionTimeoutError          an acquisition took too long (also TimeoutError)
├── AppFactoryError                  an app factory that gives no app (also TypeError)
├── StartTimeoutError                the start of the app took too long (also TimeoutError)
├── CrashError                       a task that a provider runs has failed
├── ServerClosedError                a server is to start that has been closed (also RuntimeError)
├── OverrideError
│   ├── UnknownOverrideError         nothing provides the key that is overridden (also LookupError)
│   ├── DuplicateOverrideError       two replacements for one key (also ValueError)
│   └── WrongReplacementError        a class or function in place of an object (also TypeError)
├── MissingMemberError               a partial fake does not have what it is asked for
├── UnknownMemberError               a fake of what its class does not have (also TypeError)
├── WrongMemberError                 a fake that cannot be called like its method (also TypeError)
├── OpenScopesError                  scopes are open at the end of a test (also AssertionError)
├── ReleaseTimeoutError              a release took too long (also TimeoutError)
└── ReleaseError                     several releases failed (an ExceptionGroup)
"""

from lifescope.errors._asking import (
    LifespanNotRunError,
    NoScopeError,
    NotReadyError,
    ScopeClosedError,
    SuppliedValueError,
    WrongLoopError,
)
from lifescope.errors._base import LifescopeError
from lifescope.errors._graph import (
    AmbiguousContextManagerError,
    CaptiveDependencyError,
    CycleError,
    DuplicateProviderError,
    GraphError,
    InvalidProviderError,
    MissingProviderError,
    NeverFilledError,
    ScopeOrderError,
    UnannotatedError,
    UnknownScopeError,
    UnresolvableAnnotationError,
    UnusedProviderError,
)
from lifescope.errors._lifetimes import (
    AcquisitionLoopError,
    AcquisitionTimeoutError,
    AppFactoryError,
    ClientDisconnectedError,
    CrashError,
    NoYieldError,
    ReleaseError,
    ReleaseTimeoutError,
    SecondYieldError,
    ServerClosedError,
    StartTimeoutError,
    WrongValueError,
)
from lifescope.errors._overrides import (
    DuplicateOverrideError,
    MissingMemberError,
    OpenScopesError,
    OverrideError,
    UnknownMemberError,
    UnknownOverrideError,
    WrongMemberError,
    WrongReplacementError,
)
from lifescope.errors._pages import page

__all__ = [
    "AcquisitionLoopError",
    "AcquisitionTimeoutError",
    "AmbiguousContextManagerError",
    "AppFactoryError",
    "CaptiveDependencyError",
    "ClientDisconnectedError",
    "CrashError",
    "CycleError",
    "DuplicateOverrideError",
    "DuplicateProviderError",
    "GraphError",
    "InvalidProviderError",
    "LifescopeError",
    "LifespanNotRunError",
    "MissingMemberError",
    "MissingProviderError",
    "NeverFilledError",
    "NoScopeError",
    "NoYieldError",
    "NotReadyError",
    "OpenScopesError",
    "OverrideError",
    "ReleaseError",
    "ReleaseTimeoutError",
    "ScopeClosedError",
    "ScopeOrderError",
    "SecondYieldError",
    "ServerClosedError",
    "StartTimeoutError",
    "SuppliedValueError",
    "UnannotatedError",
    "UnknownMemberError",
    "UnknownOverrideError",
    "UnknownScopeError",
    "UnresolvableAnnotationError",
    "UnusedProviderError",
    "WrongLoopError",
    "WrongMemberError",
    "WrongReplacementError",
    "WrongValueError",
    "page",
]
