"""Every address of the console, and what one must be allowed to see it."""

from functools import partial
from typing import Final

from litestar import Router

from topup.care.answering import Answering
from topup.catalogue.queries import CatalogueCache
from topup.channels.console.agents import AgentPages
from topup.channels.console.approving import ApprovalPages
from topup.channels.console.automating import AutomaticSheets
from topup.channels.console.catalogue import CataloguePages
from topup.channels.console.coupon_batches import CouponBatchPages
from topup.channels.console.drafting import DraftPages
from topup.channels.console.entering import EnteringPages, asset
from topup.channels.console.erasing import ErasurePages
from topup.channels.console.installation import InstallationPages, Installed
from topup.channels.console.keeping import KeyPages
from topup.channels.console.lines import LinePages
from topup.channels.console.offer_preview import OfferPreview
from topup.channels.console.offers import OfferPages
from topup.channels.console.ordering import OrderPages
from topup.channels.console.parcels import ParcelPages
from topup.channels.console.passkeys import PasskeyPages
from topup.channels.console.problems import problem_page
from topup.channels.console.queueing import QueuePages
from topup.channels.console.reconciling import ReconciliationPages
from topup.channels.console.rendering import Look, Stylesheet, wording_of
from topup.channels.console.staffing import StaffPages
from topup.channels.console.summing import PeriodPages
from topup.channels.console.tickets import OutagePages, TicketPages
from topup.channels.console.trailing import TrailPages
from topup.channels.console.using import ExportPages, LineUsePages
from topup.channels.console.vouchers import VoucherPages
from topup.channels.console.watching import BoardPages
from topup.channels.console.working import WorkPages
from topup.charging.adjustments import Adjustments
from topup.orders.evidence import Evidence
from topup.orders.parcels import Sending
from topup.orders.post_room import PostRoom
from topup.orders.schedules.desk import Schedules
from topup.people.doors import Door, Doors, Route
from topup.people.permissions import Permission
from topup.people.proving import Proving, asking_page
from topup.people.signing_in import SignIn
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web.edge import AnyRequest
from topup.platform.web.forms import only_our_forms
from topup.platform.web.pages import Page
from topup.platform.web.problems import ProblemDocument
from topup.work.approvals import Approvals

PATH: Final = "/console"


class Console:
    """The console of this installation. `secure`: it is reached over HTTPS alone."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: KeyRing,
        approvals: Approvals,
        adjustments: Adjustments,
        evidence: Evidence,
        post_room: PostRoom,
        sending: Sending,
        catalogue: CatalogueCache,
        answering: Answering,
        lanes: int,
        secure: bool,
        stylesheet: Stylesheet,
        proving: Proving,
        installed: Installed,
        zone: str = "UTC",
    ) -> None:
        self._look = Look(stylesheet, zone)
        self._database = database
        self._approvals = approvals
        self._adjustments = adjustments
        self._evidence = evidence
        self._post_room = post_room
        self._sending = sending
        self._catalogue = catalogue
        self._answering = answering
        self._lanes = lanes
        self._installed = installed
        self._keyring = keyring
        asking = asking_page(self._look.page, partial(wording_of, zone=zone))
        self._doors = Doors(database, secure=secure, proving=proving, room=PATH, asking=asking)
        self._sign_in = SignIn(database=database, keyring=keyring)

    def router(self) -> Router:
        """The pages."""
        handlers = [self._doors.handler(route) for route in self.routes()]
        return Router(PATH, route_handlers=handlers, before_request=only_our_forms)

    def routes(self) -> list[Route]:
        """Every address, and what one must be allowed to see it: the table that the tests try role by role."""
        return [*self._doors_in(), *self._decisions(), *self._records(), *self._helping(), *self._house()]

    def _doors_in(self) -> list[Route]:
        """Coming in and going out."""
        entering = EnteringPages(look=self._look, doors=self._doors, sign_in=self._sign_in, database=self._database)
        passkeys = PasskeyPages(look=self._look, doors=self._doors, entering=entering)
        return [
            ("GET", "/", Door.SIGNED_IN, entering.first),
            ("GET", "/me", Door.SIGNED_IN, entering.me),
            ("GET", "/sign-in", Door.OPEN, entering.door),
            ("POST", "/sign-in", Door.OPEN, entering.sign_in),
            ("POST", "/sign-in/passkey", Door.OPEN, passkeys.enter),
            ("POST", "/sign-in/passkey/challenge", Door.OPEN, passkeys.ask_to_enter),
            ("POST", "/sign-out", Door.LOCKED, entering.sign_out),
            ("POST", "/proof", Door.LOCKED, self._doors.challenge),
            ("POST", "/lock", Door.SIGNED_IN, self._doors.lock),
            ("POST", "/unlock", Door.LOCKED, self._doors.unlock),
            ("POST", "/me/sessions/{session_id:str}", Door.SIGNED_IN, entering.end_one),
            ("POST", "/me/passkeys/challenge", Door.SIGNED_IN, passkeys.ask_to_add),
            ("POST", "/me/passkeys", Door.FRESH, passkeys.add),
            ("POST", "/me/passkeys/{passkey_id:str}/remove", Door.FRESH, passkeys.remove),
            ("GET", "/enrol", Door.OPEN, entering.invitation),
            ("POST", "/enrol", Door.OPEN, entering.bind),
            ("POST", "/enrol/finish", Door.OPEN, entering.enrol),
            ("GET", "/assets/{name:str}", Door.OPEN, asset),
        ]

    def _decisions(self) -> list[Route]:
        """What waits for somebody, and what one asks another to decide."""
        work = WorkPages(look=self._look, database=self._database, approvals=self._approvals, evidence=self._evidence)
        erasing = ErasurePages(
            look=self._look, database=self._database, keyring=self._keyring, approvals=self._approvals
        )
        approvals = ApprovalPages(
            look=self._look,
            database=self._database,
            approvals=self._approvals,
            adjustments=self._adjustments,
            erasing=erasing,
            drafts=self._drafts(),
        )
        vouchers = VoucherPages(look=self._look, database=self._database, approvals=self._approvals)
        return [
            ("GET", "/work", Permission.READ_WORK, work.listed),
            ("GET", "/work/{item_id:str}", Permission.READ_WORK, work.item),
            ("POST", "/work/{item_id:str}/ask", Permission.ASK_WORK, work.ask),
            ("POST", "/work/{item_id:str}/close", Permission.DECIDE_WORK, work.close),
            ("GET", "/approvals", Permission.READ_WORK, approvals.listed),
            ("GET", "/approvals/{approval_id:str}", Door.SIGNED_IN, approvals.one),
            ("POST", "/approvals/{approval_id:str}", Door.FRESH, approvals.decide),
            ("GET", "/refund", Permission.REQUEST_REFUND, approvals.refund),
            ("POST", "/refund", Permission.REQUEST_REFUND, approvals.ask_refund),
            ("GET", "/adjust", Permission.ADJUST_CREDIT, approvals.adjustment),
            ("POST", "/adjust", Permission.ADJUST_CREDIT, approvals.ask_adjustment),
            ("GET", "/vouchers", Permission.REQUEST_VOUCHERS, vouchers.listed),
            ("POST", "/vouchers", Permission.REQUEST_VOUCHERS, vouchers.ask),
            ("GET", "/erase", Permission.REQUEST_ERASURE, erasing.form),
            ("POST", "/erase", Permission.REQUEST_ERASURE, erasing.ask),
            ("POST", "/work/{item_id:str}/reopen", Permission.DECIDE_WORK, work.reopen),
            ("POST", "/work/{item_id:str}/evidence", Permission.READ_EVIDENCE, work.evidence),
        ]

    def _records(self) -> list[Route]:
        """What there is, what happened, and who may do it."""
        orders = OrderPages(
            look=self._look,
            database=self._database,
            evidence=self._evidence,
            post_room=self._post_room,
            lanes=self._lanes,
        )
        bills = ReconciliationPages(look=self._look, database=self._database)
        automatic = AutomaticSheets(
            schedules=Schedules(database=self._database, catalogue=self._catalogue, lanes=self._lanes),
            keyring=self._keyring,
        )
        lines = LinePages(look=self._look, database=self._database, catalogue=self._catalogue, automatic=automatic)
        live = BoardPages(look=self._look, database=self._database, watch=self._installed.watch)
        agents = AgentPages(
            look=self._look,
            database=self._database,
            keyring=self._keyring,
            approvals=self._approvals,
            lanes=self._lanes,
        )
        trail = TrailPages(look=self._look, database=self._database)
        people = StaffPages(look=self._look, database=self._database, lasting=self._doors.proving.lasting)
        return [
            ("GET", "/live", Permission.READ_BOARD, live.live),
            ("GET", "/live/part", Permission.READ_BOARD, live.part),
            ("GET", "/orders", Permission.SEARCH_RECORDS, orders.listed),
            ("GET", "/orders/{order_id:str}", Permission.SEARCH_RECORDS, orders.one),
            ("POST", "/orders/{order_id:str}/ask", Permission.DECIDE_WORK, orders.ask_again),
            ("POST", "/orders/{order_id:str}/hand-over", Permission.DECIDE_WORK, orders.hand_over),
            ("POST", "/orders/{order_id:str}/evidence", Permission.READ_EVIDENCE, orders.evidence),
            ("POST", "/orders/{order_id:str}/replay", Permission.DECIDE_WORK, orders.replay),
            ("GET", "/lines", Permission.SEARCH_RECORDS, lines.find),
            ("GET", "/lines/{line_id:str}", Permission.SEARCH_RECORDS, lines.one),
            ("POST", "/lines/{line_id:str}/bar", Permission.BAR_LINES, lines.bar),
            ("GET", "/reconciliation", Permission.READ_BILLS, bills.month),
            ("GET", "/reconciliation/{method:str}/{day:str}", Permission.READ_BILLS, bills.day),
            ("GET", "/reconciliation/{method:str}/{day:str}/differences.csv", Permission.READ_BILLS, bills.file),
            ("POST", "/lines/{line_id:str}/card", Permission.BAR_LINES, lines.card),
            ("POST", "/lines/{line_id:str}/automatic", Permission.BAR_LINES, lines.stop_automatic),
            ("POST", "/lines/{line_id:str}/card/whole", Permission.SEARCH_RECORDS, lines.unmask_card),
            ("POST", "/reconciliation/{method:str}/{day:str}/sign", Permission.SIGN_DAYS, bills.sign),
            ("GET", "/agents", Permission.READ_AGENTS, agents.listed),
            ("POST", "/agents", Permission.MANAGE_AGENTS, agents.add),
            ("GET", "/agents/{agent_id:str}", Permission.READ_AGENTS, agents.one),
            ("POST", "/agents/{agent_id:str}", Permission.MANAGE_AGENTS, agents.change),
            ("POST", "/agents/{agent_id:str}/float", Permission.REQUEST_FLOAT, agents.fill),
            ("GET", "/agents/{agent_id:str}/statement.csv", Permission.READ_AGENTS, agents.file),
            ("GET", "/staff", Permission.MANAGE_STAFF, people.listed),
            ("POST", "/staff", Permission.MANAGE_STAFF, people.add),
            ("GET", "/staff/{staff_id:str}", Permission.MANAGE_STAFF, people.one),
            ("POST", "/staff/{staff_id:str}", Permission.MANAGE_STAFF, people.change),
            ("GET", "/trail", Permission.READ_TRAIL, trail.listed),
            *self._carriers(),
        ]

    def _drafts(self) -> DraftPages:
        return DraftPages(look=self._look, database=self._database, approvals=self._approvals)

    def _carriers(self) -> list[Route]:
        """Carriers' files, and what two people decide of them."""
        catalogue = CataloguePages(look=self._look, database=self._database)
        drafts = self._drafts()
        carrier, version = "/catalogue/carriers/{carrier_id:str}", "/versions/{version:str}"
        return [
            ("GET", "/catalogue", Permission.READ_CATALOGUE, catalogue.listed),
            ("GET", "/catalogue/new", Permission.PROPOSE_CATALOGUE, catalogue.new),
            ("POST", "/catalogue/new", Permission.PROPOSE_CATALOGUE, catalogue.keep),
            ("GET", carrier, Permission.READ_CATALOGUE, catalogue.carrier),
            ("GET", carrier + version, Permission.READ_CATALOGUE, catalogue.version),
            ("POST", carrier + version, Permission.PROPOSE_CATALOGUE, catalogue.restore),
            ("GET", "/catalogue/drafts/{draft_id:str}", Permission.READ_CATALOGUE, drafts.one),
            ("POST", "/catalogue/drafts/{draft_id:str}", Permission.PUBLISH_CATALOGUE, drafts.ask),
            ("POST", "/catalogue/publications/{publication_id:str}", Permission.PUBLISH_CATALOGUE, drafts.cancel),
            *self._offers(),
        ]

    def _offers(self) -> list[Route]:
        """Campaigns of the versions in force, and what is used of them."""
        offers = OfferPages(
            look=self._look,
            database=self._database,
            keyring=self._keyring,
            catalogue=self._catalogue,
            approvals=self._approvals,
            lanes=self._lanes,
        )
        preview = OfferPreview(
            look=self._look,
            database=self._database,
            keyring=self._keyring,
            catalogue=self._catalogue,
            lanes=self._lanes,
        )
        batches = CouponBatchPages(
            look=self._look,
            database=self._database,
            keyring=self._keyring,
            catalogue=self._catalogue,
            approvals=self._approvals,
            lanes=self._lanes,
        )
        campaign = "/offers/{carrier_id:str}/{campaign_id:str}"
        return [
            ("GET", "/offers", Permission.READ_CATALOGUE, offers.listed),
            ("GET", "/offers/preview", Permission.READ_CATALOGUE, preview.form),
            ("POST", "/offers/preview", Permission.READ_CATALOGUE, preview.answer),
            ("GET", campaign, Permission.READ_CATALOGUE, offers.one),
            ("POST", campaign + "/code", Permission.READ_CATALOGUE, offers.look_up),
            ("POST", campaign + "/stop", Permission.STOP_OFFERS, offers.stop),
            ("POST", campaign + "/resume", Permission.STOP_OFFERS, offers.resume),
            ("GET", campaign + "/codes", Permission.READ_CATALOGUE, batches.listed),
            ("POST", campaign + "/codes", Permission.REQUEST_COUPONS, batches.ask),
            ("POST", campaign + "/codes/block", Permission.STOP_OFFERS, batches.block_one),
            ("POST", "/offers/batches/{batch_id:str}/block", Permission.STOP_OFFERS, batches.block),
            *self._gifts(),
        ]

    def _gifts(self) -> list[Route]:
        """Gifts that are sent."""
        gifts = ParcelPages(look=self._look, database=self._database, sending=self._sending, lanes=self._lanes)
        gift = "/gifts/{order_id:str}/{sku:str}"
        return [
            ("GET", "/gifts", Permission.SEND_GIFTS, gifts.listed),
            ("GET", gift, Permission.SEND_GIFTS, gifts.one),
            ("POST", gift + "/address", Permission.SEND_GIFTS, gifts.address),
            ("POST", gift + "/sent", Permission.SEND_GIFTS, gifts.sent),
            ("POST", gift + "/returned", Permission.SEND_GIFTS, gifts.returned),
            ("POST", gift + "/kept", Permission.SEND_GIFTS, gifts.kept),
        ]

    def _helping(self) -> list[Route]:
        """What people ask us, and what they are told."""
        tickets = TicketPages(
            look=self._look, database=self._database, keyring=self._keyring, answering=self._answering
        )
        outages = OutagePages(
            look=self._look, database=self._database, catalogue=self._catalogue, answering=self._answering
        )
        return [
            ("GET", "/tickets", Permission.ANSWER_TICKETS, tickets.listed),
            ("GET", "/tickets/{ticket_id:str}", Permission.ANSWER_TICKETS, tickets.one),
            ("POST", "/tickets/{ticket_id:str}", Permission.ANSWER_TICKETS, tickets.answer),
            ("GET", "/outages", Permission.ANNOUNCE_OUTAGES, outages.listed),
            ("POST", "/outages", Permission.ANNOUNCE_OUTAGES, outages.announce),
        ]

    def _house(self) -> list[Route]:
        """The installation itself."""
        use = LineUsePages(look=self._look, database=self._database, catalogue=self._catalogue)
        export = ExportPages(look=self._look, database=self._database, keyring=self._keyring)
        periods = PeriodPages(look=self._look, database=self._database)
        installation = InstallationPages(look=self._look, installed=self._installed)
        keys = KeyPages(look=self._look, database=self._database, keyring=self._keyring, watch=self._installed.watch)
        waiting = QueuePages(look=self._look, database=self._database, post_room=self._post_room, lanes=self._lanes)
        return [
            ("GET", "/reports", Permission.READ_BILLS, periods.listed),
            ("GET", "/reports/report.csv", Permission.READ_BILLS, periods.csv),
            ("GET", "/reports/report.pdf", Permission.READ_BILLS, periods.pdf),
            ("GET", "/reports/tills.csv", Permission.READ_BILLS, periods.tills_csv),
            ("GET", "/reports/tills/{counted_id:str}", Permission.READ_BILLS, periods.till),
            ("GET", "/lines/{line_id:str}/use", Permission.SEARCH_RECORDS, use.used),
            ("GET", "/export", Permission.EXPORT_PEOPLE, export.form),
            ("POST", "/export", Permission.EXPORT_PEOPLE, export.take),
            ("GET", "/keys", Permission.READ_SETTINGS, keys.listed),
            ("GET", "/queues", Permission.READ_BOARD, waiting.listed),
            ("GET", "/queues/{name:str}", Permission.READ_BOARD, waiting.one),
            ("POST", "/given-up/messages/{message_id:str}", Permission.DECIDE_WORK, waiting.message),
            ("POST", "/given-up/events/{item_id:str}", Permission.DECIDE_WORK, waiting.event),
            ("GET", "/settings", Permission.READ_SETTINGS, installation.settings),
        ]

    def problem_page(self, request: AnyRequest, document: ProblemDocument) -> Page:
        """The page of a failure in the console."""
        return problem_page(self._look, request, document)
