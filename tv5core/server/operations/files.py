"""Writes the files for Prometheus, Alertmanager and Grafana into a folder."""

from __future__ import annotations

import json
from pathlib import Path

from tv5core.server.operations.dashboard import dashboard
from tv5core.server.operations.routing import alertmanager, prometheus
from tv5core.server.operations.rules import rules

__all__ = ["write_files"]


def write_files(
    folder: Path, *, demo: bool = False, metrics_token_file: str | None = None
) -> list[Path]:
    """Write all files; those that are there are replaced.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    demo : bool
        With the alerts' thresholds of a demonstration.
    metrics_token_file : str, optional
        Where Prometheus reads the token that ``/metrics`` requires.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "tv5-rules.yml": rules(demo=demo),
        "prometheus.yml": prometheus(metrics_token_file=metrics_token_file),
        "alertmanager.yml": alertmanager(),
        "grafana-dashboard.json": json.dumps(dashboard(), indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]
