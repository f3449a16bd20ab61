"""Real carriers' published rules, as their example files say them: amounts, fees, days, states, what is lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.carriers import CARRIERS, at, credit, through, told
from topup.catalogue.fees import fee_minor
from topup.catalogue.life_cycle import forecast, opened, shown_as, step
from topup.catalogue.line_facts import Effect, Event, LineFacts, Portion
from topup.catalogue.monthly_fees import next_fee, take_fee
from topup.catalogue.pricing import price
from topup.catalogue.sharing import SoFar, period_begin, share
from topup.catalogue.validity import end_beside
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money

SMART = CARRIERS["smart-philippines"]
FLOW = CARRIERS["flow-cayman"]
VODAFONE = CARRIERS["vodafone-uk"]
CHINA = CARRIERS["china"]
EVERYTHING = {"voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"}


class TestSmartCards:
    """PHP 100: 30 days; 300: 75 days and 33 free texts; 500: 120 days and 83 free texts."""

    @pytest.mark.parametrize(
        ("card", "texts", "bought", "usable_through"),
        [
            ("100", 0, "2026-11-05 12:00", "2026-12-05"),
            ("300", 33, "2026-11-05 12:00", "2027-01-19"),
            ("500", 83, "2026-11-05 12:00", "2027-03-05"),
            ("100", 0, "2026-01-31 23:59", "2026-03-02"),
            ("100", 0, "2028-01-31 00:01", "2028-03-01"),  # a leap year
            ("300", 33, "2027-12-31 12:00", "2028-03-15"),
            ("500", 83, "2027-11-01 12:00", "2028-02-29"),
        ],
    )
    def test_a_card_brings_its_credit_its_texts_and_its_days(self, card, texts, bought, usable_through):
        main, *extras = credit(SMART, card, at(SMART, bought))
        assert (main.amount, main.asset) == (int(card) * 100, "PHP")
        assert [(extra.asset, extra.amount) for extra in extras] == ([("SMS", texts)] if texts else [])
        assert {through(grant.validity.usable_until, SMART.zone) for grant in (main, *extras)} == {usable_through}

    def test_free_texts_are_for_texts_and_go_before_credit(self):
        main, texts = credit(SMART, "300", at(SMART, "2026-11-05 12:00"))
        assert (texts.scope, texts.kind) == ("sms", "bonus")
        assert texts.priority < main.priority

    def test_what_is_unused_at_the_end_is_forfeited(self):
        assert all(grant.validity.rule.at_end == "forfeit" for grant in credit(SMART, "500", at(SMART, "2026-11-05")))

    def test_a_smaller_card_never_shortens_a_larger_one(self):
        now = at(SMART, "2026-11-05 12:00")
        [small] = credit(SMART, "100", now)
        present = at(SMART, "2027-03-06 00:00")
        assert end_beside(small.validity, present, now=now, balance=60_000) == present

    def test_other_amounts_are_not_on_offer(self):
        with pytest.raises(Invalid, match="amount_not_offered"):
            credit(SMART, "200", at(SMART, "2026-11-05"))


class TestSmartAccount:
    """At zero balance 120 days, receiving; then disconnected. Plain credit keeps the number 365 days, packs do not."""

    def topped_up(self, line: LineFacts, when: str, *, plain: bool = True, through: str | None = None) -> LineFacts:
        now = at(SMART, when)
        funds = (Portion(10_000, at(SMART, through)),) if through else line.funds
        event = Event("topup", amount_minor=10_000, plain=plain, funds=funds)
        return step(SMART.line_rules, line, now=now, zone=SMART.zone, event=event).facts

    def new_line(self, when: str) -> LineFacts:
        return opened(SMART.line_rules, now=at(SMART, when), zone=SMART.zone).facts

    def test_after_a_card_of_100_nobody_uses_up(self):
        line = self.topped_up(self.new_line("2026-01-31 12:00"), "2026-01-31 12:00", through="2026-03-03")
        assert line.state == "active"
        changes = forecast(SMART.line_rules, line, now=at(SMART, "2026-02-01"), zone=SMART.zone)
        assert told(SMART, changes) == [("2026-03-03 00:00", "zero-balance"), ("2026-07-01 00:00", "disconnected")]
        assert changes[1].at - changes[0].at == timedelta(days=120)
        assert changes[1].closes
        assert changes[1].releases_number

    def test_used_up_at_noon_it_stays_120_whole_days(self):
        line = self.topped_up(self.new_line("2026-01-31 12:00"), "2026-01-31 12:00", through="2026-03-03")
        spent = step(
            SMART.line_rules, line, now=at(SMART, "2026-02-10 12:00"), zone=SMART.zone, event=Event("funds", funds=())
        )
        assert spent.facts.state == "zero-balance"
        assert SMART.line_rules.state("zero-balance").blocks == ("voice_out", "sms_out", "data")
        changes = forecast(SMART.line_rules, spent.facts, now=at(SMART, "2026-02-10 13:00"), zone=SMART.zone)
        # The last whole day is the 120th after the day it was used up on.
        assert told(SMART, changes) == [("2026-06-11 00:00", "disconnected")]

    def test_disconnection_forfeits_closes_and_releases(self):
        line = LineFacts("zero-balance", at(SMART, "2026-03-03"))
        gone = step(SMART.line_rules, line, now=at(SMART, "2026-07-01"), zone=SMART.zone)
        assert gone.facts.state == "disconnected"
        assert gone.effects == (Effect("forfeit", ("all",), at(SMART, "2026-07-01")),)
        assert gone.look_at is None
        assert set(SMART.line_rules.state("disconnected").blocks) == EVERYTHING

    def test_plain_credit_restores_an_empty_account(self):
        line = LineFacts("zero-balance", at(SMART, "2026-03-03"))
        assert self.topped_up(line, "2026-06-30 23:59", through="2026-07-30").state == "active"

    @pytest.mark.parametrize(("plain", "kept_through"), [(True, "2027-11-05"), (False, "2027-01-31")])
    def test_only_plain_credit_keeps_the_number_365_days(self, plain, kept_through):
        line = self.topped_up(self.new_line("2026-01-31 12:00"), "2026-01-31 12:00", through="2027-06-01")
        assert through(line.clocks["number"], SMART.zone) == "2027-01-31"
        line = self.topped_up(line, "2026-11-05 12:00", plain=plain, through="2027-06-01")
        assert through(line.clocks["number"], SMART.zone) == kept_through

    def test_a_promo_pack_does_not_restart_the_clock_of_an_active_line(self):
        line = self.topped_up(self.new_line("2026-01-31 12:00"), "2026-01-31 12:00", through="2027-06-01")
        after = self.topped_up(line, "2026-11-05 12:00", plain=False)
        assert after.clocks == line.clocks
        assert after.state == "active"
        # So the number is lost a year after the credit, though there is money left.
        changes = forecast(SMART.line_rules, after, now=at(SMART, "2026-11-06"), zone=SMART.zone)
        assert told(SMART, changes) == [("2027-02-01 00:00", "disconnected")]

    def test_365_days_over_a_leap_day(self):
        line = self.topped_up(self.new_line("2028-02-29 12:00"), "2028-02-29 12:00", through="2028-03-31")
        assert through(line.clocks["number"], SMART.zone) == "2029-02-28"

    def test_a_new_line_nobody_tops_up_is_empty_from_its_first_day(self):
        line = self.new_line("2026-01-31 12:00")
        changes = forecast(SMART.line_rules, line, now=at(SMART, "2026-01-31 13:00"), zone=SMART.zone)
        assert line.state == "zero-balance"
        assert told(SMART, changes) == [("2026-06-01 00:00", "disconnected")]

    def test_the_promo_pack_costs_its_price_and_is_no_plain_credit(self):
        pack = SMART.packs["promo-1gb-3d"]
        assert not pack.plain
        assert [
            grant.kind for grant in price(SMART, product=pack.id, amount=None, now=at(SMART, "2026-11-05")).grants
        ] == ["promo"]


class TestSmartPasaload:
    """30: the sender pays 31, credit lives 15 days; 60: 61, 30 days; 100: 101, 30 days; 200: 201, 60 days."""

    @pytest.mark.parametrize(
        ("amount", "pays", "sent", "usable_through"),
        [
            (3000, 3100, "2026-11-05 12:00", "2026-11-20"),
            (6000, 6100, "2026-11-05 12:00", "2026-12-05"),
            (10_000, 10_100, "2026-11-05 12:00", "2026-12-05"),
            (20_000, 20_100, "2026-11-05 12:00", "2027-01-04"),
            (3000, 3100, "2028-02-20 23:30", "2028-03-06"),
        ],
    )
    def test_amounts_fees_and_days(self, amount, pays, sent, usable_through):
        shared = share(SMART, amount=Money(amount, "PHP"), now=at(SMART, sent))
        assert shared.total.amount_minor == pays
        assert (shared.grant.amount, shared.grant.kind) == (amount, "shared")
        assert through(shared.grant.validity.usable_until, SMART.zone) == usable_through

    @pytest.mark.parametrize("amount", [100, 2900, 5000, 20_100])
    def test_other_amounts_cannot_be_sent(self, amount):
        with pytest.raises(Invalid, match="sharing_amount") as refusal:
            share(SMART, amount=Money(amount, "PHP"), now=at(SMART, "2026-11-05"))
        assert refusal.value.parameters["amounts"] == ["30.00", "60.00", "100.00", "200.00"]

    @pytest.mark.parametrize(
        ("received", "amount", "fits"), [(0, 20_000, True), (14_000, 6000, True), (14_100, 6000, False)]
    )
    def test_a_roaming_receiver_gets_at_most_200_a_day(self, received, amount, fits):
        def send(conditions):
            return share(
                SMART,
                amount=Money(amount, "PHP"),
                now=at(SMART, "2026-11-05"),
                so_far=lambda _limit: SoFar(received, 1),
                conditions=conditions,
            )

        assert send(()).amount.amount_minor == amount
        if fits:
            assert send({"receiver_roaming"}).amount.amount_minor == amount
        else:
            with pytest.raises(Conflict, match="sharing_limit_amount") as refusal:
                send({"receiver_roaming"})
            assert refusal.value.parameters["left"] == "59.00"

    def test_the_day_of_the_limit_is_the_carriers(self):
        [limit] = SMART.document.sharing.limits
        # 23:30 UTC on the 4th is the 5th in Manila.
        assert period_begin(limit, SMART.zone, at(SMART, "2026-11-05 07:30")) == at(SMART, "2026-11-05 00:00")


class TestFlow:
    """5-9.99: 90 days; 10-19.99: 120; 20-49.99: 180; 50 and more: 365, by the balance after; every top-up anew."""

    NOW = at(FLOW, "2026-11-05 12:00")

    def ends(self, amount: str, balance_before: int, when: str = "2026-11-05 12:00"):
        now = at(FLOW, when)
        [grant] = credit(FLOW, amount, now)
        return end_beside(grant.validity, at(FLOW, "2027-10-01"), now=now, balance=balance_before + grant.amount)

    @pytest.mark.parametrize(
        ("amount", "before", "usable_through"),
        [
            ("5", 0, "2027-02-03"),
            ("5", 499, "2027-02-03"),  # 9.99 after it
            ("5", 500, "2027-03-05"),  # 10.00
            ("9.99", 1000, "2027-03-05"),  # 19.99
            ("10", 1000, "2027-05-04"),  # 20.00
            ("20", 2999, "2027-05-04"),  # 49.99
            ("20", 3000, "2027-11-05"),  # 50.00
            ("100", 0, "2027-11-05"),
        ],
    )
    def test_days_go_by_the_balance_after_the_top_up(self, amount, before, usable_through):
        assert through(self.ends(amount, before), FLOW.zone) == usable_through

    def test_every_top_up_sets_it_anew_be_it_sooner(self):
        # 50 on the 1st lasts a year; what is left on the 5th is 4, and 5 more make 9: 90 days from now, and no year.
        assert through(self.ends("5", 400), FLOW.zone) == "2027-02-03"

    @pytest.mark.parametrize(
        ("when", "usable_through"), [("2027-12-01 23:59", "2028-02-29"), ("2026-11-30 00:00", "2027-02-28")]
    )
    def test_over_the_end_of_february(self, when, usable_through):
        assert through(self.ends("5", 0, when), FLOW.zone) == usable_through

    def test_the_ledger_gets_every_end_there_could_be(self):
        [grant] = credit(FLOW, "5", self.NOW)
        assert grant.validity.policy == "tiers"
        assert [start for start, _ in grant.validity.tiers] == [0, 1000, 2000, 5000]
        assert [through(end, FLOW.zone) for _, end in grant.validity.tiers] == [
            "2027-02-03", "2027-03-05", "2027-05-04", "2027-11-05",
        ]  # fmt: skip

    def test_the_minimum_is_5(self):
        with pytest.raises(Invalid, match="amount_too_small") as refusal:
            credit(FLOW, "4.99", self.NOW)
        assert refusal.value.parameters["minimum"] == "5.00"

    @pytest.mark.parametrize("gone", ["used_up", "expired"])
    def test_used_up_or_expired_it_receives_only_and_ends_after_90_days(self, gone):
        line = LineFacts("active", self.NOW, funds=(Portion(500, at(FLOW, "2027-02-04")),))
        event = Event("funds", funds=(), gone=gone)
        low = step(FLOW.line_rules, line, now=at(FLOW, "2026-12-01"), zone=FLOW.zone, event=event).facts
        assert low.state == "low-balance"
        assert shown_as(FLOW.line_rules, low, now=at(FLOW, "2026-12-01 12:00"), zone=FLOW.zone) == "low"
        assert FLOW.line_rules.state("low-balance").blocks == ("voice_out", "sms_out", "data")
        changes = forecast(FLOW.line_rules, low, now=at(FLOW, "2026-12-02"), zone=FLOW.zone)
        assert told(FLOW, changes) == [("2027-03-01 00:00", "ended")]

    def test_credit_nobody_uses_expires_at_its_end_and_the_account_90_days_later(self):
        line = LineFacts("active", self.NOW, funds=(Portion(500, at(FLOW, "2027-02-04")),))
        changes = forecast(FLOW.line_rules, line, now=self.NOW, zone=FLOW.zone)
        assert told(FLOW, changes) == [("2027-02-04 00:00", "low-balance"), ("2027-05-05 00:00", "ended")]

    def test_a_top_up_brings_it_back_until_the_last_moment(self):
        low = LineFacts("low-balance", at(FLOW, "2026-12-01"))
        event = Event("topup", amount_minor=500, plain=True, funds=(Portion(500, at(FLOW, "2027-06-01")),))
        back = step(FLOW.line_rules, low, now=at(FLOW, "2027-02-28 23:59"), zone=FLOW.zone, event=event)
        late = step(FLOW.line_rules, low, now=at(FLOW, "2027-03-01 00:00"), zone=FLOW.zone, event=event)
        assert back.facts.state == "active"
        assert late.facts.state == "ended"
        assert late.changes[0].releases_number


class TestVodafone:
    """One chargeable activity or top-up every 180 days; else a reminder, and the number goes 90 days later."""

    LINE = opened(VODAFONE.line_rules, now=at(VODAFONE, "2026-01-01 12:00"), zone=VODAFONE.zone).facts

    def after(self, event: Event, when: str) -> LineFacts:
        return step(VODAFONE.line_rules, self.LINE, now=at(VODAFONE, when), zone=VODAFONE.zone, event=event).facts

    def test_credit_does_not_end(self):
        [grant] = credit(VODAFONE, "10", at(VODAFONE, "2026-01-01"))
        assert grant.validity.usable_until is None

    @pytest.mark.parametrize(
        "event", [Event("activity"), Event("topup", 1000, plain=True), Event("topup", 1000)], ids=lambda event: event.on
    )
    def test_an_activity_or_any_top_up_starts_180_days(self, event):
        # From winter time into summer time: the days are days of the calendar.
        assert through(self.after(event, "2026-02-10 08:00").clocks["activity"], VODAFONE.zone) == "2026-08-09"
        assert through(self.after(event, "2026-05-10 08:00").clocks["activity"], VODAFONE.zone) == "2026-11-06"

    def test_else_a_reminder_and_90_days_later_the_number_goes(self):
        changes = forecast(VODAFONE.line_rules, self.LINE, now=at(VODAFONE, "2026-01-02"), zone=VODAFONE.zone)
        assert told(VODAFONE, changes) == [("2026-07-01 00:00", "reminded"), ("2026-09-29 00:00", "gone")]
        assert (changes[0].shows, changes[1].releases_number) == ("expiring", True)

    def test_an_activity_in_those_90_days_keeps_it(self):
        line = self.after(Event("activity"), "2026-09-28 23:59")
        assert line.state == "active"
        assert through(line.clocks["activity"], VODAFONE.zone) == "2027-03-27"
        assert VODAFONE.line_rules.state("reminded").blocks == ()

    def test_too_late_is_too_late_even_where_nobody_had_looked(self):
        assert self.after(Event("topup", 1000, plain=True), "2026-09-29 00:00").state == "gone"


class TestChina:
    """Face values 10 to 500; credit that does not expire; the fee on the 1st; arrears block; payment restores."""

    def test_face_values_and_free_amounts(self):
        assert [value // 100 for value in CHINA.face_values] == [10, 20, 30, 50, 100, 200, 300, 500]
        assert credit(CHINA, "48.50", at(CHINA, "2026-11-05"))[0].amount == 4850

    def test_credit_does_not_expire(self):
        assert credit(CHINA, "50", at(CHINA, "2026-11-05"))[0].validity.usable_until is None

    @pytest.mark.parametrize(
        ("after", "due"),
        [
            ("2026-11-05 12:00", "2026-12-01 00:00"),
            ("2026-12-01 00:00", "2027-01-01 00:00"),
            ("2026-11-30 23:59", "2026-12-01 00:00"),
            ("2028-02-29 23:59", "2028-03-01 00:00"),
        ],
    )
    def test_the_fee_is_taken_on_the_1st(self, after, due):
        assert next_fee(CHINA.document.monthly_fee, CHINA.zone, at(CHINA, after)) == at(CHINA, due)

    def test_what_is_missing_is_owed(self):
        taken = take_fee(CHINA.document.monthly_fee, (Portion(500),), at(CHINA, "2026-12-01"))
        assert (taken.taken_minor, taken.owed_minor, taken.funds) == (500, 300, ())

    def test_arrears_block_one_way_then_two_ways(self):
        line = LineFacts("active", at(CHINA, "2026-11-05"), funds=(Portion(1000),))
        changes = forecast(CHINA.line_rules, line, now=at(CHINA, "2026-11-05"), zone=CHINA.zone)
        # 10 yuan pay December's fee of 8, and leave 6 missing of January's.
        assert told(CHINA, changes) == [
            ("2027-01-01 00:00", "one-way-blocked"),
            ("2027-01-16 00:00", "two-way-blocked"),
            ("2027-03-16 00:00", "reserved"),
            ("2027-06-14 00:00", "recycled"),
        ]
        blocked = [set(CHINA.line_rules.state(change.entered).blocks) for change in changes]
        assert blocked[0] == {"voice_out", "sms_out", "data"}
        assert blocked[1] == EVERYTHING - {"topup"}

    @pytest.mark.parametrize("state", ["one-way-blocked", "two-way-blocked"])
    @pytest.mark.parametrize(("arrears", "restored"), [(0, True), (1, False)])
    def test_it_is_restored_on_payment_of_all_that_is_owed(self, state, arrears, restored):
        line = LineFacts(state, at(CHINA, "2027-01-16"), arrears_minor=600)
        event = Event("topup", amount_minor=1000, plain=True, funds=(Portion(400),), arrears_minor=arrears)
        after = step(CHINA.line_rules, line, now=at(CHINA, "2027-01-20"), zone=CHINA.zone, event=event).facts
        assert (after.state == "active") is restored

    def test_a_blocked_line_owes_no_further_fees(self):
        line = LineFacts("two-way-blocked", at(CHINA, "2027-01-16"), arrears_minor=600)
        later = step(CHINA.line_rules, line, now=at(CHINA, "2027-03-15 23:59"), zone=CHINA.zone).facts
        assert later == replace(line)
        assert not CHINA.line_rules.state("two-way-blocked").charges_fee


def test_no_example_takes_a_product_fee_that_was_not_published():
    for carrier in CARRIERS.values():
        assert fee_minor(carrier.document.fees.product, 10_000) == 0
