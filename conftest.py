"""Load the plugin, so that `pytest suites --target target.toml` works from a checkout."""

pytest_plugins = ["refund_conformance.app.pytest_plugin.plugin"]
