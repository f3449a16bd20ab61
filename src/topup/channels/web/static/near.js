// Where somebody is, asked for only when the button is pressed, and told no finer than about a kilometre.
"use strict";

const near = document.getElementById("near");
if (near && "geolocation" in navigator) {
  near.hidden = false;
  const denied = near.querySelector("[data-near-denied]");
  near.querySelector("[data-near]").addEventListener("click", (event) => {
    const button = event.target;
    denied.hidden = true;
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        near.elements.latitude.value = coords.latitude.toFixed(2);
        near.elements.longitude.value = coords.longitude.toFixed(2);
        near.submit();
      },
      () => {
        button.removeAttribute("aria-busy");
        denied.hidden = false;
      },
      { maximumAge: 600000, timeout: 10000 },
    );
  });
}
