"""Say where the index and the user's own files are when no place is named."""

from __future__ import annotations

import os


def default_path() -> str:
    """Return the index's place when none is named: $RIRDEX_INDEX, else the user data folder."""
    named = os.environ.get("RIRDEX_INDEX")
    if named:
        return named
    from platformdirs import user_data_dir

    return os.path.join(user_data_dir("rirdex", appauthor=False), "index.rirdex")


def default_desk() -> str:
    """Return the folder of the user's own files: $RIRDEX_CONFIG, else the user config folder."""
    named = os.environ.get("RIRDEX_CONFIG")
    if named:
        return named
    from platformdirs import user_config_dir

    return user_config_dir("rirdex", appauthor=False)
