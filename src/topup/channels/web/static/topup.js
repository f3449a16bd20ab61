// What is nicer with a script. Every page works without this file.
"use strict";

// A press that was made is shown, and made once: the server would take the second for the first anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-busy", "true"));
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-busy"));
  });
});

// Typing an amount of one's own chooses it.
document.addEventListener("input", (event) => {
  if (event.target.id === "amount" && event.target.value) {
    document.getElementById("choice-free").checked = true;
  }
});
document.addEventListener("change", (event) => {
  if (event.target.id === "choice-free") {
    document.getElementById("amount").focus();
  }
});

// A mistake that is being mended is not told any more.
const mended = (event) => {
  const mistake = document.getElementById("mistake");
  if (!mistake || !mistake.parentElement.contains(event.target)) return;
  mistake.remove();
  event.target.removeAttribute("aria-invalid");
  entitle(document.querySelector("h1"));
};
document.addEventListener("input", mended);
document.addEventListener("change", mended);

// The tab says what the page says, also after the page has followed by itself.
const entitle = (headline) => {
  if (headline) document.title = `${headline.textContent} · topup`;
};
document.addEventListener("htmx:afterSettle", () => entitle(document.querySelector("#live h1")));

// A menu closes when one looks elsewhere.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});

if ("serviceWorker" in navigator && window.isSecureContext) {
  navigator.serviceWorker.register("/sw.js").catch(() => console.info("no service worker: pages need the network"));
}

// Without a network: the receipts that were kept, newest first.
const kept = document.querySelector("[data-kept-receipts]");
if (kept && "caches" in window) {
  caches.open("receipts").then((cache) => cache.keys()).then((requests) => {
    requests.reverse().forEach((request) => {
      caches.match(request).then((response) => response.text()).then((html) => {
        const link = document.createElement("a");
        link.href = new URL(request.url).pathname;
        link.className = "target";
        link.textContent = new DOMParser().parseFromString(html, "text/html").title;
        const item = document.createElement("li");
        item.append(link);
        kept.querySelector("ul").append(item);
        kept.hidden = false;
      });
    });
  });
}
