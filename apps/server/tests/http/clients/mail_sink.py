"""mail_sink.py FOLDER [REFUSALS]: a mail server that keeps what it is given.

Listens on a free port of 127.0.0.1, which it prints. Answers 451 to the first REFUSALS messages; of each one that it
accepts it writes `<n>.eml` as it came and then `<n>.json`, decoded, counting from 1. Ends with its standard input.
"""

import asyncio
import json
import os
import sys
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP


class Sink:
    def __init__(self, folder, refusals):
        self.folder, self.refusals, self.accepted = folder, refusals, 0

    async def handle_DATA(self, server, session, envelope):
        if self.refusals > 0:
            self.refusals -= 1
            return "451 4.3.0 Try again later"
        self.accepted += 1
        self.write(f"{self.accepted}.eml", envelope.content)
        self.write(f"{self.accepted}.json", json.dumps(told(envelope)).encode())
        return "250 OK"

    def write(self, name, content):
        """Whole or not at all: who waits for the file reads it at once."""
        part = self.folder / f"{name}.part"
        part.write_bytes(content)
        part.rename(self.folder / name)


def told(envelope):
    message = message_from_bytes(envelope.content, policy=policy.default)
    leaves = [part for part in message.walk() if part.get_content_maintype() == "text"]
    parts = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in leaves}
    return {
        "from": message["From"] or "",
        "to": message["To"] or "",
        "subject": message["Subject"] or "",
        "text": parts.get("text/plain", ""),
        "html": parts.get("text/html", ""),
        "recipients": envelope.rcpt_tos,
    }


async def main():
    sink = Sink(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    loop = asyncio.get_running_loop()
    # A name of its own: the machine's would be looked up.
    server = await loop.create_server(lambda: SMTP(sink, hostname="localhost", loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
