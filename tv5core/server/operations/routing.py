"""Where alerts go: Prometheus' configuration, and Alertmanager's.

Keys and addresses are read from files that nobody else can read; none is in a configuration.
"""

from __future__ import annotations

__all__ = ["alertmanager", "prometheus"]

_PROMETHEUS = """\
global:
  scrape_interval: {interval}
  evaluation_interval: {interval}
rule_files:
  - {rules}
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["{alertmanager}"]
scrape_configs:
  - job_name: tv5
    static_configs:
      - targets: ["{target}"]
"""

_AUTHORIZATION = """\
    authorization:
      credentials_file: {file}
"""

_ALERTMANAGER = """\
route:
  receiver: nobody
  group_by: [severity]
  group_wait: {wait}
  group_interval: 1m
  repeat_interval: 4h
  routes:
    - matchers: ['severity="critical"']
      receiver: pagerduty
    - matchers: ['severity="warning"']
      receiver: slack
inhibit_rules:
  - source_matchers: ['severity="critical"', 'alertname="Tv5LatencyCritical"']
    target_matchers: ['alertname=~"Tv5LatencyHigh|Tv5LatencyRising"']
  - source_matchers: ['alertname="Tv5LatencyHigh"']
    target_matchers: ['alertname="Tv5LatencyRising"']
  - source_matchers: ['alertname="Tv5ErrorsCritical"']
    target_matchers: ['alertname="Tv5ErrorsHigh"']
  - source_matchers: ['alertname="Tv5MemoryCritical"']
    target_matchers: ['alertname="Tv5MemoryHigh"']
receivers:
  - name: nobody
  - name: pagerduty
    pagerduty_configs:
      - routing_key_file: {secrets}/pagerduty_key
        url: {pagerduty_url}
        severity: critical
        description: '{{{{ range .Alerts }}}}{{{{ .Annotations.summary }}}} {{{{ end }}}}'
  - name: slack
    slack_configs:
      - api_url_file: {secrets}/slack_url
        channel: '#tv5'
        title: '{{{{ .CommonLabels.severity }}}}: {{{{ len .Alerts }}}} alert(s)'
        text: '{{{{ range .Alerts }}}}{{{{ .Annotations.summary }}}} {{{{ end }}}}'
"""


def prometheus(
    *,
    rules: str = "tv5-rules.yml",
    target: str = "127.0.0.1:8080",
    alertmanager: str = "127.0.0.1:9093",
    interval: str = "5s",
    metrics_token_file: str | None = None,
) -> str:
    """Return Prometheus' configuration.

    Parameters
    ----------
    rules, target, alertmanager, interval : str
    metrics_token_file : str, optional
        Where it reads the gateway's ``metrics_token``, at each scrape.
    """
    made = _PROMETHEUS.format(
        rules=rules, target=target, alertmanager=alertmanager, interval=interval
    )
    if metrics_token_file is None:
        return made
    return made + _AUTHORIZATION.format(file=metrics_token_file)


def alertmanager(
    *,
    secrets: str = "/etc/tv5/secrets",
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue",
    wait: str = "10s",
) -> str:
    """Return Alertmanager's configuration.

    Parameters
    ----------
    secrets : str
        Folder with the files ``pagerduty_key`` and ``slack_url``.
    pagerduty_url : str
    wait : str
        How long alerts that come together are collected.
    """
    return _ALERTMANAGER.format(secrets=secrets, pagerduty_url=pagerduty_url, wait=wait)
