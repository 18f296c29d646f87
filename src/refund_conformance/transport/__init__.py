"""Bytes over a connection; nothing here knows a case or a clause."""
