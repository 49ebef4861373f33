"""The readable form: one statement per statement of the user, quoted, with shapes."""

from tracer.codegen.readable.schedule import LOWER

__all__ = ["LOWER"]
