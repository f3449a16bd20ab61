"""The choice among offers, done slowly: every set of campaigns is tried, and each rule stands there as it is said.

Shares no code with the room `offers`: rounding, dates, order and limits are written out once more.
"""

from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from zoneinfo import ZoneInfo

ROUND = {
    "down": floor,
    "up": ceil,
    "half_up": lambda share: floor(share + Fraction(1, 2)),
    "half_even": round,
}


class Model:
    def __init__(self, campaigns, stacking):
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.stacking = stacking
        self.groups = {group.id: group for group in stacking.groups}

    def order(self, identifier):
        campaign = self.campaigns[identifier]
        group = self.groups.get(campaign.group)
        return (group.order, group.id, campaign.order, campaign.id) if group else (0, "", 0, campaign.id)

    def applies(self, campaign, asking):
        """By itself: dates, place, person, price, code, limits."""
        day = asking.now.astimezone(ZoneInfo("Asia/Shanghai")).date()
        uses, limits = asking.uses.get(campaign.id), campaign.limits
        facts = [
            campaign.starts is None or campaign.starts <= day,
            campaign.ends is None or day <= campaign.ends,
            not campaign.channels or asking.channel in campaign.channels,
            not campaign.products or (asking.product or "credit") in campaign.products,
            campaign.customers != "first" or asking.top_ups_before == 0,
            campaign.customers != "returning" or (asking.top_ups_before or 0) > 0,
            asking.price.amount_minor >= campaign.least_minor,
            self.gives_at(campaign, asking.price.amount_minor),
            campaign.coupon is None or any(self.opens(code, campaign) for code in asking.codes[:5]),
        ]
        if uses is not None:
            facts += [
                not uses.stopped,
                limits.total is None or uses.total < limits.total,
                limits.per_day is None or uses.today < limits.per_day,
                limits.per_person is None or uses.person < limits.per_person,
                limits.budget_minor is None or uses.off_minor < limits.budget_minor,
            ]
        if campaign.gift:
            facts.append(("sent_gifts" if campaign.gift.sent_from else "gifts") not in asking.without)
            facts.append(asking.gifts is None or asking.gifts.get(campaign.gift.source, 0) >= campaign.gift.quantity)
        return all(facts)

    @staticmethod
    def gives_at(campaign, price):
        """Below its first tier a campaign that takes off money only has nothing to give."""
        tiers = campaign.discount.tiers if campaign.discount else ()
        more = campaign.grants or campaign.gift or campaign.points
        return bool(more) or not tiers or price >= min(tier.from_minor for tier in tiers)

    @staticmethod
    def opens(code, campaign):
        coupon = campaign.coupon
        if coupon.code is not None:
            return code.text == coupon.code and (coupon.uses is None or code.uses < coupon.uses)
        return code.made and code.text.startswith(coupon.prefix + "-") and code.uses < (coupon.uses or 1)

    def together(self, ids):
        if len(ids) > self.stacking.most:
            return False
        for one, other in combinations(ids, 2):
            first, second = (self.groups.get(self.campaigns[identifier].group) for identifier in (one, other))
            if first is None or second is None:
                return False
            if first.id == second.id and first.take == "one":
                return False
            if second.id in first.excludes or first.id in second.excludes:
                return False
        return True

    def pieces(self, ids, asking):
        """Whether each thing comes in one way, and there are as many of it as all of them give."""
        wanted = [gift for gift in (self.campaigns[one].gift for one in ids) if gift]
        if len({gift.source for gift in wanted}) > len({gift.sku for gift in wanted}):
            return False
        return asking.gifts is None or all(
            sum(one.quantity for one in wanted if one.sku == gift.sku) <= asking.gifts.get(gift.source, 0)
            for gift in wanted
        )

    def amounts(self, ids, asking):
        """What each takes off; None where one gives nothing or has no budget for it."""
        left, offs = asking.price.amount_minor, {}
        for identifier in sorted(ids, key=self.order):
            campaign = self.campaigns[identifier]
            off = min(self.discount(campaign, asking.price.amount_minor, left), left - self.stacking.least_total_minor)
            group = self.groups.get(campaign.group)
            if group and group.cap_minor is not None:
                given = sum(off for other, off in offs.items() if self.campaigns[other].group == campaign.group)
                off = min(off, group.cap_minor - given)
            off = max(off, 0)
            uses, budget = asking.uses.get(identifier), campaign.limits.budget_minor
            if budget is not None and (uses.off_minor if uses else 0) + off > budget:
                return None
            if off == 0 and not (campaign.grants or campaign.gift or campaign.points):
                return None
            offs[identifier] = off
            left -= off
        return offs

    @staticmethod
    def discount(campaign, price, left):
        discount = campaign.discount
        if discount is None:
            return 0
        if discount.fixed_minor is not None:
            return discount.fixed_minor
        if discount.tiers:
            return max((tier.off_minor for tier in discount.tiers if tier.from_minor <= price), default=0)
        share = ROUND[discount.rounding](Fraction(left * discount.rate_ppm, 1_000_000))
        return share if discount.cap_minor is None else min(share, discount.cap_minor)

    def best(self, asking):
        """The ids of the best set, with what each takes off."""
        good = [identifier for identifier, one in self.campaigns.items() if self.applies(one, asking)]
        tried = []
        for size in range(len(good) + 1):
            for ids in combinations(sorted(good), size):
                offs = self.amounts(ids, asking) if self.together(ids) and self.pieces(ids, asking) else None
                if offs is not None:
                    worth = sum(offs.values()) + sum(self.campaigns[one].worth_minor for one in ids)
                    tried.append(((-worth, -sum(offs.values()), -size, ids), offs))
        return min(tried)[1]

    def points(self, asking, left):
        """The most points that may be spent, tried one step after another, and what they pay."""
        points, best = self.stacking.points, 0
        if points is None or points.worth_minor is None:
            return 0, 0
        for spent in range(0, min(asking.spend, asking.points) + 1, points.step):
            if spent and (spent < points.least or (points.most is not None and spent > points.most)):
                continue
            pays = spent * points.worth_minor
            if pays * 1_000_000 <= left * points.most_ppm and (
                not spent or left - pays >= self.stacking.least_total_minor
            ):
                best = spent
        return best, best * points.worth_minor

    def earned(self, paid, applied):
        """The points of a price: one for each `per` that is paid, and those of the campaigns."""
        points = self.stacking.points
        whole = Fraction(paid, points.per_minor) if points and points.per_minor else Fraction(0)
        return whole.numerator // whole.denominator + sum(self.campaigns[one].points for one in applied)
