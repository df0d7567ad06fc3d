"""What speaks for a fit besides its gradient and its Hessian: the numbers of its diagnostics."""

from kldiv.certificate.certifying import certify
from kldiv.certificate.diagnostics import Diagnostics
from kldiv.certificate.level_ends import with_level_ends

__all__ = ["Diagnostics", "certify", "with_level_ends"]
