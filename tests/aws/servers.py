"""Servers on loopback that no service would be: silent, dripping, endless."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket], None]
"""What is done with a connection once something has been received on it."""

MEGABYTE = 1 << 20


@contextmanager
def behaving(behaviour: Behaviour) -> Iterator[int]:
    """The port of a server that behaves like that on every connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                if connection.recv(1, socket.MSG_PEEK):  # nothing comes from who only tries whether there is a server
                    behaviour(connection)

        serving: list[tuple[socket.socket, threading.Thread]] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    thread = threading.Thread(target=serve, args=[connection], daemon=True)
                    thread.start()
                    serving.append((connection, thread))

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection, thread in serving:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                thread.join(timeout=10)


def silent(connection: socket.socket) -> None:
    while connection.recv(MEGABYTE):
        pass


def answering(connection: socket.socket) -> None:
    """Answers each request as the service does."""
    answer = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: r1\r\nContent-Length: 0\r\n\r\n"
    while connection.recv(MEGABYTE):
        connection.sendall(answer)


def over_tls(behaviour: Behaviour, certificate: Path) -> Behaviour:
    """Behaves so behind a TLS handshake; the certificate's file also has its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            behaviour(secured)

    return serve


def tunnel_to(port: int) -> Behaviour:
    """A proxy, whatever host it is asked for."""

    def forward(connection: socket.socket) -> None:
        connection.recv(MEGABYTE)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as onward:
            ends = [(connection, onward), (onward, connection)]
            pumps = [threading.Thread(target=_pump, args=end, daemon=True) for end in ends]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()

    return forward


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(MEGABYTE):
            sink.sendall(some)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def self_signed(folder: Path, host: str) -> Path:
    """A certificate for a host, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


def dripping(beginning: bytes) -> Behaviour:
    """Reads nothing, sends a beginning, and then a byte now and then for as long as anybody listens."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return drip


def endless(beginning: bytes, more: bytes, sent: list[int]) -> Behaviour:
    """Sends a beginning, and then as much as is taken; `sent` gets how many bytes that were."""

    def flood(connection: socket.socket) -> None:
        count = 0
        try:
            connection.sendall(beginning)
            while count < 1000 * MEGABYTE:
                connection.sendall(more)
                count += len(more)
        finally:
            sent.append(count)

    return flood


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
