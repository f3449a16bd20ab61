// The display follows by itself: the server answers when there is something new. Without this file the page reloads.
"use strict";

const lost = document.getElementById("lost");
const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

const follow = async () => {
  let failures = 0;
  for (;;) {
    const screen = document.getElementById("screen");
    try {
      const answer = await fetch(`/counter/display/live?seen=${encodeURIComponent(screen.dataset.seen)}`, { cache: "no-store" });
      if (answer.status === 205) {
        location.reload();
        return;
      }
      if (answer.status === 200) {
        const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("screen");
        // Whoever was served before must not be seen while the next one is.
        screen.replaceWith(found);
        document.documentElement.lang = found.lang;
      } else if (answer.status !== 204) {
        await pause(2000);
      }
      failures = 0;
      lost.hidden = true;
    } catch {
      failures += 1;
      // What is on the screen may be true no longer: after a while nothing of anybody is left on it.
      lost.hidden = failures < 2;
      if (failures > 10) document.getElementById("screen").replaceChildren();
      await pause(2000);
    }
  }
};
follow();
