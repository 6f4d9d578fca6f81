"""Leads an unmodified client to the fakes: takes CONNECT on a port of this machine, ends TLS with a throw-away
authority, and forwards each named host to an address of this machine. Nothing ever leaves it.

    tlsproxy.py CA_OUT.pem HOST=127.0.0.1:PORT ...

Writes the authority's certificate to CA_OUT.pem, then its own port to standard output.
"""

import datetime
import os
import socket
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Signs a certificate for each host that it is asked for."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.contexts = {}
        self.lock = threading.Lock()
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        draft = self.draft("A throw-away authority", self.key.public_key(), is_authority=True)
        self.certificate = self.sign(draft.add_extension(usage, True))

    def draft(self, name, key, is_authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("A throw-away authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(issuer, False)
        )

    def sign(self, draft):
        return draft.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self, host):
        with self.lock:
            if host not in self.contexts:
                self.contexts[host] = self.new_context(host)
            return self.contexts[host]

    def new_context(self, host):
        key = ec.generate_private_key(ec.SECP256R1())
        draft = self.draft(host, key.public_key(), is_authority=False)
        draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # The library takes keys from files only.
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(secret + self.sign(draft))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
        os.unlink(file.name)
        context.set_alpn_protocols(["http/1.1"])
        return context


def pump(source, target):
    """Copies until one side ends, and then ends both."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, hosts, authority):
    """Serves one connection."""
    try:
        request = b""
        while b"\r\n\r\n" not in request:
            data = client.recv(65536)
            if not data:
                return
            request += data
        method, target = request.split()[:2]
        host = target.decode().rsplit(":", 1)[0]
        if method != b"CONNECT" or host not in hosts:
            client.sendall(b"HTTP/1.1 502 nothing leaves this machine\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        client.sendall(b"HTTP/1.1 200 connected\r\n\r\n")
        inside = authority.context(host).wrap_socket(client, server_side=True)
        address, port = hosts[host].rsplit(":", 1)
        server = socket.create_connection((address, int(port)))
        threading.Thread(target=pump, args=(inside, server), daemon=True).start()
        pump(server, inside)
    except (OSError, ValueError) as error:
        print("a connection failed:", error, file=sys.stderr, flush=True)


def main():
    hosts = dict(pair.split("=", 1) for pair in sys.argv[2:])
    authority = Authority()
    with open(sys.argv[1], "wb") as file:
        file.write(authority.certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, hosts, authority), daemon=True).start()


main()
