"""``python -m tv5core.server.operations FOLDER [--demo] [--metrics-token-file FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tv5core.server.operations.files import write_files


def main() -> None:
    """Write the files, and say which."""
    parser = argparse.ArgumentParser(description="Write files for those who operate a gateway.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--demo", action="store_true", help="with a demonstration's thresholds")
    parser.add_argument("--metrics-token-file", help="where Prometheus reads the gateway's token")
    options = parser.parse_args()
    for path in write_files(
        options.folder, demo=options.demo, metrics_token_file=options.metrics_token_file
    ):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
