"""The system under test: settings, client, tokens, orders and their ledger, limits."""
