"""The contract file and the schemas as checked data, and the typed errors."""
