"""A reverse proxy with a login: asks at the socket of its argument for whoever brings the password, and says in
X-Forwarded-User who that is. What a client says of that itself it takes out. One request a connection."""

import base64
import re
import socket
import sys
import threading

PEOPLE = {"alice@acme.example", "bob@acme.example", "carol@acme.example"}


def head_of(client):
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += client.recv(65536)
    return head.decode("latin-1"), body


def who(head):
    login = re.search(r"(?im)^authorization: basic (\S+)", head)
    if not login:
        return None
    name, _, password = base64.b64decode(login[1]).decode().partition(":")
    return name if name in PEOPLE and password == "let me in" else None


def serve(client):
    with client:
        head, body = head_of(client)
        if head is None:
            return
        name = who(head)
        if name is None:
            client.sendall(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nConnection: close\r\n\r\n")
            return
        request, *headers = head.split("\r\n")
        dropped = ("authorization:", "x-forwarded-", "connection:")
        headers = [header for header in headers if not header.lower().startswith(dropped)]
        headers += [f"X-Forwarded-User: {name}", "X-Forwarded-For: 192.0.2.7", "Connection: close"]
        with socket.socket(socket.AF_UNIX) as page:
            page.connect(sys.argv[1])
            page.sendall("\r\n".join([request, *headers, "", ""]).encode("latin-1") + body)
            while data := page.recv(65536):
                client.sendall(data)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
