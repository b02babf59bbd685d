"""Mails over SMTP. A connection is used again for what follows at once."""

from __future__ import annotations

import asyncio
import re
import time
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.notify.channels.domain import Address, NotTaken, Outcome, Outgoing, Rejected, Taken

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, so no quoting and no comments
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

IDLE_SECONDS = 5.0
"""Servers hang up on connections that idle, and a mail would be the one to find out."""


class Mail:
    """Sends over as many connections at once as there are callers."""

    address = Address("email", EMAIL.fullmatch)

    def __init__(self, url: str, sender: str, connections: int, timeout_seconds: float) -> None:
        self.connections = connections
        address = urlsplit(url)
        self._tls = address.scheme == "smtps"
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or (465 if self._tls else 587)
        self._user = unquote(address.username) if address.username else None
        self._password = unquote(address.password) if address.password else None
        self._sender = sender
        self._timeout_seconds = timeout_seconds
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def send(self, address: str, outgoing: Outgoing) -> Outcome:
        """The reason of a refusal is its code alone: servers quote the address in their words."""
        client = self._take_idle() or self._new_client()
        usable = False
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if not client.is_connected:
                    await client.connect()
                await client.sendmail(self._sender, [address], self._message(address, outgoing))
            usable = True
            return Taken()
        except TimeoutError:
            return NotTaken("the mail server does not answer in time")
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except aiosmtplib.SMTPDataError as error:
            return _refused(error.code)
        except aiosmtplib.SMTPResponseException as error:
            # Said of this service and not of the recipient, such as a wrong password: no mail shall be lost by it.
            return NotTaken(f"SMTP {error.code} ({type(error).__name__})")
        except (aiosmtplib.SMTPException, OSError) as error:
            return NotTaken(type(error).__name__)
        finally:
            if usable:
                self._idle.append((client, time.monotonic()))
            else:
                client.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def _take_idle(self) -> aiosmtplib.SMTP | None:
        """The one that was used last; those that have idled too long are hung up."""
        while self._idle:
            client, used_at = self._idle.pop()
            if client.is_connected and time.monotonic() - used_at < IDLE_SECONDS:
                return client
            client.close()
        return None

    def _new_client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            timeout=self._timeout_seconds,
        )

    def _message(self, address: str, outgoing: Outgoing) -> bytes:
        """The same delivery has the same Message-ID each time, by which a mailbox may know a copy."""
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._sender
        message["To"] = address
        message["Subject"] = outgoing.message.subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{outgoing.delivery_id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(outgoing.message.text)
        return message.as_bytes()


def _refused(code: int) -> Outcome:
    return Rejected(f"SMTP {code}") if code >= 500 else NotTaken(f"SMTP {code}")
