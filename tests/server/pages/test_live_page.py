"""The live page in a real browser: figures, lost connections, restarts, themes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from tests.server.pages.conftest import Browser, free_port, live_site, until
from tv5core.server.metrics import Figures
from tv5core.server.metrics.figures import (
    Event,
    HitRatio,
    LatencyPoint,
    Percentiles,
    PoolFigures,
    ProviderGauge,
    SearchFigures,
    StoreFigures,
    TierShare,
)


@dataclass
class Source:
    """Figures of a busy gateway; ``changes`` are put over them."""

    started_at: float = 1_000.0
    changes: dict[str, Any] | None = None

    def __call__(self, now: float) -> Figures:
        latest = int(now) // 5 * 5
        figures = Figures(
            time=now,
            started_at=self.started_at,
            version="9.9",
            workers=2,
            qps=123.4,
            error_share=0.002,
            latency=Percentiles(3.21, 45.6, 1234.0),
            series=tuple(
                LatencyPoint(float(t), 3.0, 40.0, None if t % 60 < 10 else 300.0, 100.0)
                for t in range(latest - 900, latest + 1, 5)
            ),
            kinds=(HitRatio("title", 0.95, 1_000), HitRatio("trending", None, 0)),
            layers=(HitRatio("memory", 0.9, 1_000), HitRatio("disk", 0.5, 100)),
            providers=(ProviderGauge("tmdb", 23, 50), ProviderGauge("justwatch", 4, 10, 60.0)),
            search=SearchFigures(10.0, 2.0, 8.0, 9.0, 0.982, 400),
            store=StoreFigures(66_120, 66_000, 12, 498_000_000, 1_000_000, 600_000_000),
            pool=PoolFigures(4, 1, 0, 2),
            tiers=(TierShare("full", 990), TierShare("cached", 10)),
            events=(Event(now - 60, "critical", "TMDB <b>does not answer</b>"),),
        )
        return msgspec.structs.replace(figures, **(self.changes or {}))


def test_it_shows_every_figure(browser: Browser) -> None:
    with live_site(Source(), free_port()) as url:
        browser.open(f"{url}/live")
        until(lambda: browser.text("#connection") == "Live")
        shown = browser.text("main").replace("\n", " ")
        for said in (
            "3.2 ms", "46 ms", "1.2 s", "123 /s", "0.2 %", "23/50", "4/10", "in 60 s",
            "98.2 % (400)", "66,120", "498 MB", "1/4", "Memory 90 %", "Disk 50 %", "title 95 %",
            "99 % \u00b7 990", "Stored, stale", "TMDB <b>does not answer</b>", "Critical",
        ):  # fmt: skip
            assert said in shown, said
        assert "trending \u2013" in shown  # not 0 %: nobody asked
        assert len(browser.run("return [...document.querySelectorAll('#chart path')]")) > 3
        assert "p99 at most 300 ms" in browser.attribute("#chart svg", "aria-label")
        meter = '#providers [role="meter"]'
        assert browser.attribute(meter, "aria-valuenow") == "23"
        assert "TMDB" in browser.attribute(meter, "aria-label")


def test_what_is_wrong_is_said_in_words(browser: Browser) -> None:
    bad = ProviderGauge("tmdb", 48, 50, waiting=7, breaker="open")
    source = Source(changes={"providers": (bad,), "error_share": 0.09})
    with live_site(source, free_port()) as url:
        browser.open(f"{url}/live")
        until(lambda: "down: not asked" in browser.text("#providers"))
        assert "7 waiting" in browser.text("#providers")
        assert "too many" in browser.text("#traffic")
        assert "too slow" in browser.text("#percentiles")


def test_an_idle_gateway_shows_dashes(browser: Browser) -> None:
    def idle(now: float) -> Figures:
        return Figures(time=now, started_at=now - 3)

    with live_site(idle, free_port()) as url:
        browser.open(f"{url}/live")
        until(lambda: browser.text("#connection") == "Live")
        assert browser.texts("#percentiles .value") == ["\u2013"] * 3
        assert "No provider is asked." in browser.text("#providers")
        assert "Nothing has happened." in browser.text("#events")
        assert "NaN" not in browser.text("body")


def test_a_lost_connection_is_said_and_a_restart_is_right_again(browser: Browser) -> None:
    port = free_port()
    with live_site(Source(), port) as url:
        browser.open(f"{url}/live")
        until(lambda: "123" in browser.text("#traffic"))
    until(lambda: "Connection lost" in browser.text("#connection"))
    assert "The figures are of" in browser.text("#connection")
    assert browser.run("return document.body.dataset.state") == "lost"
    again = Source(time.time() - 5, changes={"qps": 55.0, "series": (), "tiers": ()})
    with live_site(again, port):
        until(lambda: browser.text("#connection") == "Live", 12.0)
        until(lambda: "55 /s" in browser.text("#traffic").replace("\n", " "))
        assert "The gateway restarted." in browser.text("#events")
        assert "No answers yet." in browser.text("#tiers")
        assert browser.run("return document.querySelectorAll('#chart path').length") == 0
        assert browser.text("#since").startswith("up")


def test_where_enough_pages_are_open_it_asks(browser: Browser) -> None:
    with live_site(Source(), free_port(), most_clients=0) as url:
        browser.open(f"{url}/live")
        until(lambda: "Asking every few seconds" in browser.text("#connection"))
        assert "23/50" in browser.text("#providers")


def test_the_theme_follows_the_system_and_the_switch(browser: Browser) -> None:
    def prefer(scheme: str) -> None:
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    ground = "return getComputedStyle(document.body).backgroundColor"
    with live_site(Source(), free_port()) as url:
        prefer("dark")
        browser.open(f"{url}/live")
        dark = browser.run(ground)
        prefer("light")
        light = until(lambda: (now := browser.run(ground)) != dark and now)
        browser.click("#theme")
        assert browser.run(ground) == dark
        assert "light" in browser.one("#theme").get_attribute("aria-label")
        browser.open(f"{url}/live")  # the choice is kept, over the system's
        assert browser.run(ground) == dark
        browser.run("localStorage.clear()")
        browser.open(f"{url}/live")
        assert browser.run(ground) == light


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (390, 844)])
def test_it_fits_the_screen(browser: Browser, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        with live_site(Source(), free_port()) as url:
            browser.open(f"{url}/live")
            until(lambda: browser.text("#connection") == "Live")
            page = browser.run(
                "const d = document.documentElement; return [d.scrollWidth, d.scrollHeight]"
            )
            assert page[0] <= width
            if width > 500:
                assert page[1] <= height
            cut = browser.run(
                """return [...document.querySelectorAll('.panel')].filter(
                  p => p.scrollHeight > p.clientHeight + 1 || p.scrollWidth > p.clientWidth + 1
                ).map(p => p.className)"""
            )
            assert cut == []
            small = browser.run(
                """return Math.min(...[...document.querySelectorAll('main *')].filter(
                  e => e.innerText?.trim() && e.offsetParent).map(
                  e => parseFloat(getComputedStyle(e).fontSize)))"""
            )
            assert small >= min(24, max(16, width / 80))
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
