"""The choice among a carrier's offers for one price: pure, the same answer in every channel."""

from collections.abc import Collection, Iterable, Sequence

from topup.catalogue.campaigns import Points
from topup.catalogue.fees import share_minor
from topup.offers.answers import Applied, CodeVerdict, Offer, PointsReason, Reason, Spending, Verdict
from topup.offers.book import Book, Entry
from topup.offers.combining import Search, Set, affords, candidates, conflict, most_worth, with_one_more
from topup.offers.facts import MOST_CODES, Asking, Code
from topup.offers.judging import Why, code_refusal, why_not


def choose(book: Book, asking: Asking, *, thorough: bool = False, among: Collection[Entry] | None = None) -> Offer:
    """The best that is to be had, with a reason for every campaign that runs for that product and channel without a
    code, and for each code. `thorough`: a reason for every campaign of the file, for the operator: a payer need not
    learn which codes there are. `among`: only these and those of the codes are looked at, which is as good where they
    are the `contending.contenders`.
    """
    stacking, least = book.stacking, book.stacking.least_total_minor
    entered = _entered(book, asking)
    looked_at = _looked_at(book, asking, entered, thorough=thorough, among=among)
    against = {entry.campaign.id: why_not(entry, asking, entered.get(entry.campaign.id)) for entry in looked_at}
    good = [entry for entry in looked_at if against[entry.campaign.id] is None]
    competing, beyond = candidates(good, asking, least)
    best = Search(competing, asking, most=stacking.most, least_minor=least).best()
    told = {
        entry.campaign.id: against[entry.campaign.id] or _outcome(entry, best, beyond, asking, least)
        for entry in looked_at
    }
    points = _spending(stacking.points, asking, best.left_minor, least)
    paid = best.left_minor - points.spent_minor
    return Offer(
        price=asking.price,
        applied=tuple(
            Applied(entry.campaign, off, entered[entry.campaign.id].text if entry.campaign.coupon else None)
            for entry, off in zip(best.entries, best.off_minor, strict=True)
        ),
        points=points,
        earned=_earned(stacking.points, paid) + sum(entry.campaign.points for entry in best.entries),
        verdicts=tuple(
            Verdict(entry.campaign.id, entry.campaign.names, *told[entry.campaign.id]) for entry in looked_at
        ),
        codes=tuple(_code_verdicts(book, asking, entered, told)),
    )


def _entered(book: Book, asking: Asking) -> dict[str, Code]:
    """The code that counts for each campaign, by its id: the first that may still be used, else the first."""
    found: dict[str, Code] = {}
    for code in asking.codes[:MOST_CODES]:
        entry = book.of_code(code.text)
        if entry is None or not _exists(entry, code):
            continue
        other = found.get(entry.campaign.id)
        if other is None or (code_refusal(entry.campaign, other) and not code_refusal(entry.campaign, code)):
            found[entry.campaign.id] = code
    return found


def _exists(entry: Entry, code: Code) -> bool:
    """One of a campaign's own codes must have been made."""
    coupon = entry.campaign.coupon
    return coupon is not None and (coupon.code is not None or code.made)


def _looked_at(
    book: Book, asking: Asking, entered: dict[str, Code], *, thorough: bool, among: Collection[Entry] | None
) -> Sequence[Entry]:
    """In the order in which they apply."""
    if thorough:
        return book.entries
    if among is not None:
        coupons = [
            entry for code in asking.codes if (entry := book.of_code(code.text)) and entry.campaign.id in entered
        ]
        return book.in_order({*among, *coupons})
    open_ = list(book.open_to(asking))
    if not entered:
        return open_
    wanted = {entry.campaign.id for entry in open_} | entered.keys()
    return [entry for entry in book.entries if entry.campaign.id in wanted]


def _outcome(entry: Entry, best: Set, beyond: frozenset[str], asking: Asking, least_minor: int) -> Why:
    """What became of one that applies by itself."""
    if entry in best.entries:
        return Reason.APPLIED, {}
    if entry.campaign.id in beyond:
        return Reason.BEYOND, {}
    price = asking.price.amount_minor
    if with_one_more(Set(left_minor=price), entry, asking, least_minor) is None:
        is_poor = not affords(entry, asking, most_worth(entry, asking, least_minor) - entry.campaign.worth_minor)
        return Reason.BUDGET_USED_UP if is_poor else Reason.GIVES_NOTHING, {}
    other = conflict(best.entries, entry)
    others = best.entries if other is None else (other,)
    return Reason.OUTDONE, {"others": tuple(one.campaign.names for one in others)}


def _code_verdicts(book: Book, asking: Asking, entered: dict[str, Code], told: dict[str, Why]) -> Iterable[CodeVerdict]:
    for place, code in enumerate(asking.codes):
        entry = book.of_code(code.text)
        if place >= MOST_CODES:
            yield CodeVerdict(code.text, Reason.CODE_IDLE)
        elif entry is None or not _exists(entry, code):
            yield CodeVerdict(code.text, Reason.CODE_UNKNOWN)
        elif entered[entry.campaign.id] is not code:
            reason = code_refusal(entry.campaign, code) or Reason.CODE_IDLE
            yield CodeVerdict(code.text, reason, entry.campaign.id, entry.campaign.names)
        else:
            yield CodeVerdict(
                code.text,
                told[entry.campaign.id][0],
                entry.campaign.id,
                entry.campaign.names,
                told[entry.campaign.id][1],
            )


def _spending(points: Points | None, asking: Asking, left_minor: int, least_minor: int) -> Spending:
    """What becomes of the points the payer offers, and what could become of all there are."""
    if points is None or points.worth_minor is None or not points.most_ppm:
        return Spending(PointsReason.NOT_HERE)
    most_minor = min(share_minor(left_minor, points.most_ppm, "down"), max(left_minor - least_minor, 0))
    most = most_minor // points.worth_minor
    most = most if points.most is None else min(most, points.most)
    could = _whole(points, min(asking.points, most))
    spent = _whole(points, min(asking.points, most, asking.spend))
    if spent:
        reason = PointsReason.SPENT
    elif asking.points <= 0:
        reason = PointsReason.NONE
    elif not _whole(points, asking.points):
        reason = PointsReason.TOO_FEW
    elif not could:
        reason = PointsReason.PRICE_TOO_LOW
    else:
        reason = PointsReason.NOT_ASKED if not asking.spend else PointsReason.TOO_FEW_ASKED
    return Spending(
        reason,
        spent,
        spent * points.worth_minor,
        could,
        could * points.worth_minor,
        -(-points.least // points.step) * points.step,
    )


def _whole(points: Points, most: int) -> int:
    """So many of `most` points as may be spent: whole steps, and none where these are fewer than the least."""
    found = max(most, 0) // points.step * points.step
    return found if found >= points.least else 0


def _earned(points: Points | None, paid_minor: int) -> int:
    return paid_minor // points.per_minor if points and points.per_minor else 0
