"""Reading what a spec module declares into a model, and checking that it can be remote."""

from kinfolk.spec.naming import HEADER, has_generated, is_generated, output_module
from kinfolk.spec.reader import read

__all__ = ["HEADER", "has_generated", "is_generated", "output_module", "read"]
