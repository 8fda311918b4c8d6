"""A mail server for tests: aiosmtpd with a certificate and a login. Run by tests/it/mail.rs.

mail_server.py FOLDER WAY USER PASSWORD [ANSWER]...

WAY is `tls` or `starttls`. FOLDER gets `ca.pem`. Each ANSWER is what a letter's reader is answered, one after the other, `-`
being yes; then all are taken. Prints the port, then a line of JSON for each letter that was taken.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
import warnings

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

warnings.simplefilter("ignore")
folder, way, user, password, *answers = sys.argv[1:]


class Reader:
    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = answers.pop(0) if answers else "-"
        if answer != "-":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: letter.get_body((kind,)).get_content()
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or way == "tls",
            "login": session.auth_data.decode() if session.auth_data else None,
            "headers": {name: str(value) for name, value in letter.items()},
            "defects": [str(defect) for part in letter.walk() for defect in part.defects],
            "plain": part("plain"),
            "html": part("html"),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    right = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=right, handled=False, auth_data=data.login if right else None)


async def main():
    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def serve():
        wants = {"auth_required": True, "authenticator": login, "hostname": "localhost", "enable_SMTPUTF8": False}
        if way == "starttls":
            return SMTP(Reader(), tls_context=context, require_starttls=True, **wants)
        return SMTP(Reader(), auth_require_tls=False, **wants)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "localhost", 0, ssl=context if way == "tls" else None)
    ports = [socket.getsockname()[1] for socket in server.sockets]
    print(ports[0], flush=True)
    await server.serve_forever()


asyncio.run(main())
