"""Where a fetcher may go, and what of its keys is ever seen."""

from __future__ import annotations

import asyncio
import logging
import pickle
import ssl
import traceback
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from tests.upstream.standin.server import FAULTS, Faults, Standin
from tv5core.errors import ForbiddenTargetError, InvalidInputError, UnreachableError
from tv5core.observing import Tally
from tv5core.upstream import Backoff, Credentials, Fetcher, Provider, Secret
from tv5core.upstream.fetching.target_guard import TargetGuard

CANARY = "canary0123456789abcdef"


def provider(url: str, **changes: Any) -> Provider:
    given = {"contract": 50, "rate": 45.0, "burst": 5, "allow_private": True, **changes}
    return Provider(name="tmdb", base_url=url, **given)


async def answer(request: web.Request) -> web.Response:
    return web.json_response({"id": 1})


async def redirect(request: web.Request) -> web.Response:
    return web.Response(
        status=int(request.query["status"]), headers={"Location": request.query["to"]}
    )


def standin(**options: Any) -> Standin:
    made = Standin(**options)
    made.app.router.add_get("/3/movie/{id}", answer)
    made.app.router.add_get("/3/redirect", redirect)
    made.app.router.add_post("/3/redirect", redirect)
    return made


# -- targets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2002:7f00:1::", "ff02::1", "2001:db8::1", "not an address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    guard = TargetGuard(provider("https://api.test/3", allow_private=False))
    assert not guard.allows_address(address)
    with pytest.raises(ForbiddenTargetError):
        guard.check_address(address)


def test_public_and_allowed_addresses() -> None:
    public = TargetGuard(provider("https://api.test/3", allow_private=False))
    private = TargetGuard(provider("http://api.test/3"))
    for address in ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"):
        assert public.allows_address(address)
        assert private.allows_address(address)
    assert private.allows_address("127.0.0.1")
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0"):
        assert not private.allows_address(address), "no metadata service, ever"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.test/3/x", "https://evil.test/", "https://api.test:8443/", "ftp://api.test/",
        "https://user@api.test/", "https://api.test.evil.test/", "https://169.254.169.254/",
        "https://127.0.0.1/", "file:///etc/passwd", "/relative", "",
    ],
)  # fmt: skip
def test_urls_that_may_not_be_asked(url: str) -> None:
    guard = TargetGuard(provider("https://api.test/3", allow_private=False, hosts=("img.test",)))
    with pytest.raises(ForbiddenTargetError):
        guard.check_url(URL(url))


def test_urls_that_may() -> None:
    guard = TargetGuard(provider("https://api.test/3", allow_private=False, hosts=("img.test",)))
    for url in ("https://api.test/3/x", "https://API.test/y", "https://img.test/z"):
        assert guard.check_url(URL(url))


@pytest.mark.parametrize(
    "url", ["http://api.test/3", "https://u:p@api.test/", "api.test", "ftp://a"]
)
def test_a_provider_has_a_sane_address(url: str) -> None:
    with pytest.raises(InvalidInputError, match="expected an address with https"):
        provider(url, allow_private=False)


async def test_a_public_name_with_a_private_address_is_refused() -> None:
    """The name is allowed; what it resolves to is not."""
    made = provider("https://localhost/3", allow_private=False)
    async with Fetcher(made) as fetcher:
        with pytest.raises(ForbiddenTargetError, match="expected a public address, got"):
            await fetcher.get("movie/1")


async def test_a_private_address_as_such_is_refused_too() -> None:
    made = provider("https://127.0.0.1/3", allow_private=False)
    async with Fetcher(made) as fetcher:
        with pytest.raises(ForbiddenTargetError, match=r"expected a public address, got 127\.0"):
            await fetcher.get("movie/1")


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/x", "https://evil.test/x",
        "file:///etc/passwd", "//evil.test/x", "http://[",
    ],
)  # fmt: skip
async def test_redirects_are_checked(to: str) -> None:
    async with standin() as server, Fetcher(provider(server.url + "/3")) as fetcher:
        with pytest.raises(ForbiddenTargetError):
            await fetcher.get("redirect", {"to": to, "status": "302"})
        assert len(server.arrivals) == 1


async def test_what_is_posted_is_sent_nowhere_else() -> None:
    faults = Faults(shares={"redirect_private": 1.0})
    async with standin(faults=faults) as server, Fetcher(provider(server.url + "/3")) as fetcher:
        with pytest.raises(ForbiddenTargetError, match="expected a response, got a redirect"):
            await fetcher.post("redirect", b"{}", idempotent=True)
        assert len(server.arrivals) == 1


async def test_redirects_are_followed_a_few_times_and_each_takes_its_turn() -> None:
    async with standin() as server, Fetcher(provider(server.url + "/3")) as fetcher:
        inner = "/3/movie/1"
        for _ in range(5):
            inner = str(URL("/3/redirect").with_query(to=inner, status="307"))
        found = await fetcher.get("redirect", dict(URL(inner).query))
        assert found.status == 200
        assert len(server.arrivals) == 6
        endless = str(URL("/3/redirect").with_query(to=inner, status="302"))
        with pytest.raises(ForbiddenTargetError, match="expected at most 5 redirects"):
            await fetcher.get("redirect", {"to": endless, "status": "302"})


async def test_keys_go_to_the_own_host_only() -> None:
    async with standin() as other, standin() as server:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        made = provider(
            server.url + "/3",
            files_base_url=elsewhere,
            credentials=Credentials.of(bearer=CANARY),
        )
        async with Fetcher(made) as fetcher:
            await fetcher.get("redirect", {"to": elsewhere + "/3/movie/1", "status": "302"})
        assert server.headers[0]["Authorization"] == f"Bearer {CANARY}"
        assert "Authorization" not in other.headers[0]


async def test_tls_is_verified() -> None:
    """A server without TLS, and one that nobody vouches for."""
    async with standin() as server:
        url = server.url.replace("http://", "https://")
        async with Fetcher(provider(url + "/3"), backoff=Backoff(0.001, 0.001)) as fetcher:
            context = fetcher._transport._session.connector._ssl  # type: ignore[union-attr]
            assert context is True, "the default of aiohttp, which verifies"
            with pytest.raises(UnreachableError, match="SSL"):
                await fetcher.get("movie/1")
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


# -- keys ------------------------------------------------------------------------------------------


def whole(error: BaseException | None) -> str:
    """Everything an exception and those it came of would tell."""
    text = ""
    while error is not None:
        text += "".join(traceback.format_exception(error)) + repr(error) + repr(error.__dict__)
        text += repr(error.args)
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize("how", ["bearer", "api_key"])
@pytest.mark.parametrize("fault", ["", "dead", "nobody", "401", *FAULTS])
async def test_no_key_in_any_message(
    fault: str, how: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    if fault == "latency":
        pytest.skip("expected something to fail, got an answer that is late")
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    tally, said = Tally(), ""
    shares = {fault: 1.0} if fault in FAULTS else {}
    key = "another" if fault == "401" else CANARY
    async with standin(faults=Faults(shares=shares), **{how: key}) as server:
        made = provider(server.url + "/3", credentials=Credentials.of(**{how: CANARY}))
        server.dead = fault == "dead"
        if fault == "nobody":
            await server.stop()
        options: dict[str, Any] = {"backoff": Backoff(0.001, 0.001), "max_bytes": 1 << 20}
        async with Fetcher(made, observer=tally, read_timeout_s=0.1, **options) as fetcher:
            try:
                found = await fetcher.get("movie/1", {"language": "de"}, deadline_s=1)
            except Exception as error:
                said += whole(error)
            else:
                assert fault in ("", "401", "invalid_json", "wrong_types")
                assert (found.status == 401) == (fault == "401")
                said += repr(found) + found.url + repr(found.headers)
            try:
                stream = fetcher.stream(made.files_url("movie/1"), max_bytes=100, deadline_s=1)
                said += repr([each async for each in stream])
            except Exception as error:
                said += whole(error)
            said += repr(fetcher) + repr(fetcher.__dict__) + repr(fetcher.limiter.snapshot())
        if fault != "nobody":
            seen = [repr(server.queries), repr(server.headers)]
            assert CANARY in seen[how == "bearer"], "the key did go out"
        said += repr(made) + repr(tally.__dict__)
    said += caplog.text + repr([record.__dict__ for record in caplog.records])
    out, err = capfd.readouterr()
    assert CANARY not in said + out + err


def test_keys_do_not_show_whatever_is_done_to_them() -> None:
    keys = Credentials.of(bearer=CANARY, api_key=CANARY)
    made = provider("https://api.test/3", credentials=keys)
    for thing in (keys, made, keys.bearer, [made], {"a": keys}):
        assert CANARY not in f"{thing!r} {thing}"
    assert CANARY not in repr(msgspec.structs.asdict(keys))
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps):
        with pytest.raises(TypeError) as caught:
            encode(made)
        assert CANARY not in whole(caught.value)
    for bad in (CANARY + "\n" + CANARY, CANARY + " x", CANARY + "\u00e9", "\0" + CANARY):
        with pytest.raises(InvalidInputError) as refused:
            Secret(bad)
        assert CANARY not in whole(refused.value)


def test_keys_from_environment_or_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("T_BEARER", "T_KEY", "T_BEARER_FILE", "T_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    def read() -> Credentials:
        return Credentials.from_environment(bearer="T_BEARER", api_key="T_KEY")

    assert not read()
    monkeypatch.setenv("T_KEY", " k ")
    assert read().params() == {"api_key": "k"}
    (tmp_path / "key").write_text("from-file\n")
    monkeypatch.setenv("T_BEARER_FILE", str(tmp_path / "key"))
    assert read().headers() == {"Authorization": "Bearer from-file"}
    assert read().params() == {}, "one key is enough"
    monkeypatch.setenv("T_BEARER", "direct")
    assert read().headers() == {"Authorization": "Bearer direct"}
    monkeypatch.setenv("T_KEY", "")
    monkeypatch.setenv("T_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(InvalidInputError, match="expected a readable file in T_KEY_FILE"):
        read()


def test_the_session_takes_nothing_from_the_environment() -> None:
    async def main() -> None:
        async with Fetcher(provider("https://session.test/3")) as fetcher:
            session = fetcher._transport._session
            assert session is not None
            assert not session.trust_env
            assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)

    asyncio.run(main())
