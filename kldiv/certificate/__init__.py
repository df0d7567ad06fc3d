"""What speaks for a fit besides its gradient and its Hessian: the numbers of its diagnostics."""

from kldiv.certificate.certifying import certify
from kldiv.certificate.diagnostics import Diagnostics

__all__ = ["Diagnostics", "certify"]
