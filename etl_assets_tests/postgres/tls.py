"""A certificate of our own, and a server that speaks TLS with it in front of a PostgreSQL that can't.

The wheels' PostgreSQL is built without TLS. What a client sees is PostgreSQL's own protocol: it asks for TLS,
is told S, shakes hands, and goes on as without; so libpq's every check of the certificate is the real one.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
NO_GSS = (80877104).to_bytes(4, "big")


def make_authority(folder: Path, name: str = "ca") -> tuple[Path, ec.EllipticCurvePrivateKey, x509.Name]:
    """An authority that signs certificates: the file of its own, its key, its name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = _built(subject, subject, key.public_key(), ca=True).sign(key, hashes.SHA256())
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path, key, subject


def make_certificate(
    folder: Path, host: str, authority: tuple[Path, ec.EllipticCurvePrivateKey, x509.Name]
) -> tuple[Path, Path]:
    """A server's certificate for a host, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = _built(subject, authority[2], key.public_key(), ca=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate = builder.sign(authority[1], hashes.SHA256())
    paths = folder / f"{host}.crt", folder / f"{host}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def _built(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )


@contextmanager
def tls_in_front(socket_path: Path, certificate: Path | None, key: Path | None = None) -> Iterator[int]:
    """Listen on localhost, with TLS if there is a certificate, and pass on to PostgreSQL; gives the port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, socket_path, context), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, path: Path, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, path, context), daemon=True).start()


def _serve(client: socket.socket, path: Path, context: ssl.SSLContext | None) -> None:
    server = socket.socket(socket.AF_UNIX)
    try:
        first = client.recv(8, socket.MSG_PEEK)
        while first[4:] == NO_GSS or first == SSL_REQUEST:
            client.recv(8)
            if first == SSL_REQUEST and context is not None:
                client.sendall(b"S")
                client = context.wrap_socket(client, server_side=True)
                break
            client.sendall(b"N")
            first = client.recv(8, socket.MSG_PEEK)
        server.connect(str(path))
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()
    except OSError:
        pass  # the client did not like the certificate, and said so
    finally:
        client.close()
        server.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
