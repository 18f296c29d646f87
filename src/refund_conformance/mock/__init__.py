"""The mock: an HTTP server that implements the document on its own, apart from the oracle and the judge."""
