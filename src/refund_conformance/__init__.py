"""Conformance suite for ``POST /v1/order/{order id}/refund``."""

__version__ = "0.1.0"
