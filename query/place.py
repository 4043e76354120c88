"""Say where the index is when none is named."""

from __future__ import annotations

import os


def default_path() -> str:
    """Return the index's place when none is named: $RIRDEX_INDEX, else the user data folder."""
    named = os.environ.get("RIRDEX_INDEX")
    if named:
        return named
    from platformdirs import user_data_dir

    return os.path.join(user_data_dir("rirdex", appauthor=False), "index.rirdex")
