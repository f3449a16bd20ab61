// Keeps the look, a page for when there is no network, and the last receipts this device has seen.
"use strict";

const PAGES = "pages-" + SHELL.join("");
const RECEIPTS = "receipts";
const MOST_RECEIPTS = 5;
const OFFLINE = "/offline";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(PAGES).then((cache) => cache.addAll([...SHELL, OFFLINE])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== PAGES && name !== RECEIPTS).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

async function keep(request, response) {
  const cache = await caches.open(RECEIPTS);
  // Put last again, so that the one seen longest ago goes first.
  await cache.delete(request);
  await cache.put(request, response);
  const all = await cache.keys();
  await Promise.all(all.slice(0, Math.max(0, all.length - MOST_RECEIPTS)).map((old) => cache.delete(old)));
}

async function visit(event) {
  const receipt = /^\/orders\/[^/]+\/receipt$/.test(new URL(event.request.url).pathname);
  try {
    const response = await fetch(event.request);
    if (receipt && response.ok) event.waitUntil(keep(event.request.url, response.clone()));
    return response;
  } catch {
    const known = receipt ? await caches.match(event.request.url, { cacheName: RECEIPTS }) : undefined;
    return known ?? (await caches.match(OFFLINE, { cacheName: PAGES })) ?? Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const path = new URL(event.request.url).pathname;
  if (SHELL.includes(path)) {
    event.respondWith(caches.match(path, { cacheName: PAGES }).then((known) => known ?? fetch(event.request)));
  } else if (event.request.mode === "navigate") {
    event.respondWith(visit(event));
  }
});
