"""A flood of strangers at the port: dropped unread, whatever else is heard from the same address."""

from tests.net.rig import OUR_TAG, Inbox, answer, incoming, outgoing, rig, scenario, until


@scenario
async def test_a_flood_is_not_answered_but_what_belongs_to_a_call_is_heard() -> None:
    async with rig(stranger_rate=1, stranger_burst=10) as it:
        for number in range(200):
            it.says(incoming("OPTIONS", f"z9hG4bK{number}", call_id=str(number)))
        await until(lambda: it.counts.of["refused", "flood"] == 190)
        for _ in range(10):
            await it.inbox.request()
        it.says(incoming("BYE", "z9hG4bKbye", to_tag=f";tag={OUR_TAG}"))
        assert (await it.inbox.request()).method == "BYE"
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop, "OPTIONS"), owner)
        it.says(answer(await it.phone.gets_request("OPTIONS"), 200))
        assert (await owner.response()).status == 200
        _, writer = await it.connect()
        writer.write(incoming("OPTIONS", "z9hG4bKtcp", transport="TCP", call_id="tcp"))
        await until(lambda: it.counts.of["refused", "flood"] == 191)
        it.clock.ahead += 1
        writer.write(incoming("OPTIONS", "z9hG4bKagain", transport="TCP", call_id="again"))
        assert (await it.inbox.request()).branch == "z9hG4bKagain"
        assert [line["event"] for line in it.logs if line["log_level"] == "warning"] == ["sip_flood"]
