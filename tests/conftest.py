"""Settings that all tests share."""

import os

from hypothesis import HealthCheck, settings

# No deadline: these machines are shared, and a slow moment is not a failure. The seed is printed when one fails.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

pytest_plugins = ["tests.real_stack"]
