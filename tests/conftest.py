"""Load one Hypothesis profile for all tests: what it draws never varies, and nothing in it depends on a clock.

Whatever is started here heeds SIGINT, also where a shell that runs the tests in the background has it ignored.
"""

import signal

from hypothesis import HealthCheck, settings

from refund_conformance.transport import retry

settings.register_profile(
    "ci",
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

retry.FIRST_WAIT = 0.001  # what is tested here is that there is a second try, not how long it waits

signal.signal(signal.SIGINT, signal.default_int_handler)
