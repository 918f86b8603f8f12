"""Client of the identity reconciliation service, on the standard library alone."""

from .client import IdentityClient
from .transport import Answer, ProblemError

__all__ = ["Answer", "IdentityClient", "ProblemError"]
