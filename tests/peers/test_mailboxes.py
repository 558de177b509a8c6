"""What waits in mailboxes, told through a real XMPP server by real notifiers."""

from pathlib import Path

from tests.peers.rig import Rig
from tests.peers.test_texts import text
from tests.peers.xmpp_server import HOST


async def test_a_mailbox_is_subscribed_to_and_its_news_are_told(tmp_path: Path) -> None:
    numbers = [{"number": "700", "jid": f"romeo@{HOST}", "message_waiting": True}]
    async with Rig(tmp_path, trunk={"message_waiting": True}, changes={"number": numbers}) as rig:
        romeo = await rig.client("romeo")
        # When it subscribes, at its start, both are to be there.
        assert await rig.gateway.stop() == 0
        notifier = await rig.answers("uas_subscribe")
        await rig.gateway.start()
        told = await romeo.expect(text())
        assert told.sender == f"*97@{rig.gateway.domain}/sip"
        assert told.element.findtext("{jabber:client}body") == "2 new voice messages, 8 old"
        assert await rig.gateway.stop() == 0
        messages = await notifier.done()
        asked = [message for message in messages if message.label == "SUBSCRIBE" and not message.outgoing]
        assert (asked[0].header("Expires"), asked[-1].header("Expires")) == ("3600", "0")


async def test_news_that_come_unasked_are_told_once(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"message_waiting": True}) as rig:
        romeo = await rig.client("romeo")
        for _ in range(2):
            notifier = await rig.calls("uac_notify", "romeo", parameters={"status": "200"})
            await notifier.done()
        told = await romeo.expect(text())
        assert told.element.findtext("{jabber:client}body") == "1 new voice message"
        await romeo.fence(rig.gateway.domain)
        assert len(romeo.came(text())) == 1
