"""The carriers of the demonstration: made-up names, every mobile number of mainland China, and one carrier abroad."""

from pathlib import Path


def demonstration_files() -> list[Path]:
    """The carriers' files, by name."""
    return sorted(Path(__file__).parent.glob("*.toml"))
