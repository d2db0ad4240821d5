"""Settings that all tests share."""

import os
import signal

from hypothesis import HealthCheck, settings

# No deadline: these machines are shared, and a slow moment is not a failure. The seed is printed when one fails.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

pytest_plugins = ["tests.real_stack"]

# A shell starts what runs in its background with Ctrl-C ignored, and children inherit that; they are to hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
