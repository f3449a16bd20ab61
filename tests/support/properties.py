"""How property tests run: never failed by a slow machine; many more examples in a soak."""

import os

from hypothesis import settings

settings.register_profile("topup", deadline=None, database=None, print_blob=True)
settings.register_profile("soak", settings.get_profile("topup"), max_examples=5000)
settings.load_profile("soak" if os.environ.get("TOPUP_SOAK") else "topup")
