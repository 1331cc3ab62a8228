"""What operators run beside a gateway: alerts, where they go, and a dashboard.

``python -m tv5core.server.operations FOLDER`` writes the files for Prometheus, Alertmanager and
Grafana; with ``--demo``, alerts have the higher thresholds of a demonstration on one machine.

=============  ==================================================================
``alerts``     one table: every alert with its thresholds, and what to do
``rules``      the table as Prometheus' rules
``routing``    Alertmanager: critical to PagerDuty, warning to Slack
``panels``     the dashboard's rows, panels and queries
``dashboard``  the panels as Grafana's JSON
``files``      writes them all
``__main__``   the command line
=============  ==================================================================
"""

from __future__ import annotations
