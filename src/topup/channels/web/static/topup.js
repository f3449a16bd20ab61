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

// Where the reader's clock is, so that dates can be told by it too.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

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

// Enter after the number goes on to its amounts, while none is chosen: nothing is wrong yet.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.target.id !== "number") return;
  const first = document.querySelector("#choices input[name=choice]");
  if (!first || document.querySelector("#choices input[name=choice]:checked")) return;
  event.preventDefault();
  first.focus();
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

// What one writes on a bank's form, copied with one press. Without a script there is no button.
document.querySelectorAll("button[data-copy]").forEach((button) => {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.copied;
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  });
});
