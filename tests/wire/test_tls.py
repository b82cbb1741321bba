"""The direct way over TLS: verified, asked for HTTP/1.1, its connections used again, and what comes unasked noticed."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import kraken_async.wire.direct as direct_module
from kraken_async.errors import Outcome, TransportError
from kraken_async.wire.transport import Transport
from tests.pace import ended
from tests.wire.support import OK, pass_time, post

x509 = pytest.importorskip("cryptography.x509")  # comes with ccxt
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")


class Certificate(NamedTuple):
    """A certificate of its own for this machine, and the key, in files."""

    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return found


class Served(NamedTuple):
    """A server's address, what it agreed on with each connection, and what it read."""

    url: str
    protocols: list[str | None]
    requests: list[bytes]


class Server(asyncio.Protocol):
    """Answers each request; one that says so, a second time a moment later."""

    def __init__(self, protocols: list[str | None], requests: list[bytes]) -> None:
        self._protocols = protocols
        self._requests = requests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._protocols.append(transport.get_extra_info("ssl_object").selected_alpn_protocol())

    def data_received(self, data: bytes) -> None:
        self._requests.append(data)
        self._transport.write(OK)
        if b"twice" in data:
            asyncio.get_running_loop().call_later(0.02, self._transport.write, OK)


@pytest.fixture
async def served(certificate: Certificate) -> AsyncIterator[Served]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    protocols: list[str | None] = []
    requests: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(protocols, requests), "127.0.0.1", 0, ssl=context
    )
    yield Served(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", protocols, requests)
    await ended(server)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    direct_module._tls.cache_clear()


@pytest.fixture(autouse=True)
def own_context() -> Iterator[None]:
    yield
    direct_module._tls.cache_clear()


@pytest.mark.usefixtures("trusted")
async def test_one_connection_serves_many_calls_and_speaks_http_1(served: Served) -> None:
    async with Transport(served.url) as transport:
        for _ in range(5):
            assert (await transport.send(post(), 30.0)).body == b"{}"
    assert served.protocols == ["http/1.1"]


async def test_a_certificate_that_is_not_trusted_gets_nothing(served: Served) -> None:
    async with Transport(served.url) as transport:
        with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.usefixtures("trusted")
async def test_what_came_unasked_is_noticed_inside_tls_too(served: Served) -> None:
    async with Transport(served.url) as transport:
        await transport.send(post(b"twice"), 5.0)
        await asyncio.sleep(0.1)
        assert (await transport.send(post(), 30.0)).body == b"{}"
    assert len(served.protocols) == 2


@pytest.mark.usefixtures("trusted")
async def test_an_answer_in_the_socket_is_read_inside_tls_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Transport(served.url) as transport:
        await transport.send(post(), 30.0)
        call = asyncio.create_task(transport.send(post(), 20.0))
        while len(served.requests) < 2:
            await asyncio.sleep(0)
        pass_time(30.0, monkeypatch)
        assert (await call).body == b"{}"
