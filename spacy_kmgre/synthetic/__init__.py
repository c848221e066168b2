"""The generated corpus: documents about invented things, made on the spot for the demo and the tests."""

from .generator import generate_documents
from .schema import RELATIONS

__all__ = ["RELATIONS", "generate_documents"]
