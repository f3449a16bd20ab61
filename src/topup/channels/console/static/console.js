// Keys for those who live in lists: j and k go down and up, / goes to the search. What is live is fetched anew while
// somebody looks. Everything works without this file.
"use strict";

const typing = new Set(["INPUT", "TEXTAREA", "SELECT"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing.has(event.target.tagName)) return;
  if (event.key === "/") {
    const search = document.querySelector(".search input:not([type=hidden])");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll(".list tbody th a")];
    if (!rows.length) return;
    event.preventDefault();
    const at = rows.indexOf(document.activeElement);
    const next = event.key === "j" ? Math.min(at + 1, rows.length - 1) : Math.max(at - 1, 0);
    rows[next].focus();
  }
});

for (const part of document.querySelectorAll("[data-live]")) {
  const pause = Number(part.dataset.every) * 1000;
  const look = async () => {
    if (!document.hidden && !part.contains(document.activeElement)) {
      try {
        const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" }, redirect: "manual" });
        // The screen was locked, or the session ended: so does this page.
        if (answer.status === 401 || answer.type === "opaqueredirect") {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(answer.status);
        part.innerHTML = await answer.text();
      } catch {
        const first = part.querySelector("p");
        if (first) { first.textContent = part.dataset.lost; first.className = "old"; first.setAttribute("role", "status"); }
      }
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
}

// A file that was chosen goes into the text beside it, where it can be read and mended; a mistake leads to its line.
for (const place of document.querySelectorAll("[data-file-for]")) {
  const file = place.querySelector("input");
  const text = document.getElementById(place.dataset.fileFor);
  place.hidden = false;
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const large = chosen.size > 3 * text.maxLength;
    file.setCustomValidity(large ? place.dataset.tooLarge : "");
    file.reportValidity();
    if (large) return;
    text.value = await chosen.text();
    text.focus();
    text.setSelectionRange(0, 0);
  });
}

for (const link of document.querySelectorAll("[data-line]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const text = document.querySelector(link.getAttribute("href"));
    const lines = text.value.split("\n");
    const at = Number(link.dataset.line) - 1;
    const start = lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[at] ?? "").length);
    text.scrollTop = (text.scrollHeight / lines.length) * Math.max(0, at - 3);
  });
}
