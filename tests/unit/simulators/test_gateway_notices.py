"""An event is resent until exactly `success` is heard, and no longer than the schedule."""

from tests.support.simulators import a_payment, start_gateway, until
from topup.plugins.payments.sandbox import Sandbox


async def test_only_200_and_success_stop_the_resending(sandbox, listener):
    listener.answers = [
        (500, b"success"),
        (200, b'{"code":"success"}'),
        (200, b"success\n"),
        (200, b"SUCCESS"),
        (204, b""),
        (200, b"success"),
    ]
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "pay")
    heard = await listener.hear(6)
    assert len({body for _, body in heard}) == 1, "the same event, byte for byte"


async def test_resending_ends_with_the_schedule(tmp_path, http_client, listener):
    gateway = start_gateway(tmp_path, "--resend-factor", "0")
    listener.answers = [(500, b"no")]
    request = a_payment(notify_url=listener.url)
    await Sandbox(gateway.settings, http_client).sandbox_outcome(request, "pay")
    await until(lambda: gateway.control("agenda"), lambda answer: answer["agenda"] == [])
    assert (await gateway.counts(request.payment_id))["event payment.paid"] == (8, 0)
    assert gateway.stop() == 0


async def test_what_was_heard_is_not_sent_again(sandbox, gateway, listener):
    requests = [a_payment(notify_url=listener.url) for _ in range(5)]
    for request in requests:
        await sandbox.sandbox_outcome(request, "pay")
    await listener.hear(5)
    for request in requests:
        counts = await until(
            lambda request=request: gateway.counts(request.payment_id), lambda answer: "event payment.paid" in answer
        )
        assert counts["event payment.paid"] == (1, 1)


async def test_events_can_be_held_back_and_let_go(tmp_path, http_client, listener):
    gateway = start_gateway(tmp_path)
    sandbox = Sandbox(gateway.settings, http_client)
    await gateway.control("notifications", {"paused": True})
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "pay")
    assert [entry["kind"] for entry in (await gateway.control("agenda"))["agenda"]] == ["notify"]
    assert (await sandbox.query(request.payment_id)).facts, "paid all the same"
    assert listener.heard == []
    await gateway.control("notifications", {"paused": False})
    await listener.hear(1)
    gateway.stop()


async def test_a_resending_hours_away_can_be_hastened(tmp_path, http_client, listener):
    gateway = start_gateway(tmp_path, "--resend-factor", "1")
    listener.answers = [(500, b""), (200, b"success")]
    request = a_payment(notify_url=listener.url)
    await Sandbox(gateway.settings, http_client).sandbox_outcome(request, "pay")
    await listener.hear(1)
    await until(lambda: gateway.counts(request.payment_id), lambda answer: answer.get("event payment.paid") == (1, 0))
    await gateway.control("notifications", {"hasten": True})
    await listener.hear(2)
    gateway.stop()
