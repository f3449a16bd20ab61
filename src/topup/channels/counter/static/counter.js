// Keys of the counter, whether the server is there, and a sale that is live. Everything works without this file.
"use strict";

const ASK_EVERY_MS = 3000;
const PATIENCE_MS = 2500;
// Somebody who has pressed would rather wait for a slow server than press again; a lost one is told at once all the same.
const PRESSED_PATIENCE_MS = 12000;
const lost = document.getElementById("lost");
let here = true;
let leaving = false;

// F2, F4, F7, F8, F9, F10: to whatever names the key on this page; what is pressed or followed is pressed, a field gets the focus.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^F(2|4|6|7|8|9|10)$/.test(event.key)) return;
  const found = [...document.querySelectorAll(`[data-key="${event.key}"]`)].filter((one) => one.offsetParent);
  const target = found.find((one) => one.tagName !== "A") ?? found[0];
  if (!target) return;
  event.preventDefault();
  if (target.tagName === "A" || target.tagName === "BUTTON") {
    target.click();
  } else {
    target.focus();
    if (target.select) target.select();
  }
});

function tell(alive) {
  if (alive === here) return;
  here = alive;
  lost.hidden = false;
  lost.textContent = alive ? lost.dataset.back : lost.dataset.text;
  lost.classList.toggle("alarm", !alive);
  lost.classList.toggle("done", alive);
}

async function alive(patience = PATIENCE_MS) {
  try {
    const answer = await fetch("/counter/alive", { cache: "no-store", signal: AbortSignal.timeout(patience) });
    return answer.ok;
  } catch {
    return false;
  }
}

async function watch() {
  tell(await alive());
  setTimeout(watch, ASK_EVERY_MS);
}
if (lost) setTimeout(watch, ASK_EVERY_MS);

// A form is sent only when the server is there: what was typed stays on the page, and nothing is half sent.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post" || form.dataset.asked === "yes" || !lost) return;
  event.preventDefault();
  const pressed = event.submitter;
  const there = await alive(PRESSED_PATIENCE_MS);
  tell(there);
  if (!there) return;
  leaving = true;
  form.dataset.asked = "yes";
  form.requestSubmit(pressed ?? undefined);
  setTimeout(() => { delete form.dataset.asked; }, 0);
});

// A sale that is under way: the page is asked for again when its state has changed.
const sale = document.querySelector("[data-live]");
// Loaded anew by whoever sits here, it is no longer loaded by itself.
if (location.search === "?by_itself=yes") history.replaceState(null, "", location.pathname);
async function follow() {
  try {
    const address = `${sale.dataset.live}?seen=${encodeURIComponent(sale.dataset.state)}`;
    const answer = await fetch(address, { cache: "no-store" });
    const state = answer.ok ? await answer.text() : sale.dataset.state;
    // A form that is on its way leads on by itself.
    if (leaving) return;
    // Also a screen that was locked or a session that ended shows so. The mark: nobody is kept signed in by this.
    if (state !== sale.dataset.state || answer.status === 401) {
      location.replace(`${location.pathname}?by_itself=yes`);
      return;
    }
  } catch {
    // The watch says that the server is lost; this one goes on asking.
  }
  setTimeout(follow, 1000);
}
if (sale) follow();
