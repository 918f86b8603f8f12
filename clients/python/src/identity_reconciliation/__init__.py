"""Client of the identity reconciliation service, on the standard library alone."""

from .client import IdentityClient
from .transport import Answer, ProblemError
from .webhooks import WebhookVerificationError, verify_webhook

__all__ = ["Answer", "IdentityClient", "ProblemError", "WebhookVerificationError", "verify_webhook"]
