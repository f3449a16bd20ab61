// Passkeys: the browser makes and uses them, and a form of ours carries what it says. Without a script there is no button.
"use strict";

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const textOf = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const asked = (options) => {
  options.challenge = bytesOf(options.challenge);
  if (options.user) options.user.id = bytesOf(options.user.id);
  (options.excludeCredentials || options.allowCredentials || []).forEach((one) => {
    one.id = bytesOf(one.id);
  });
  return { publicKey: options };
};

const put = (form, name, value) => {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  form.append(field);
};

const answer = async (form) => {
  const sent = await fetch(form.dataset.challenge, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!sent.ok || sent.redirected) return location.reload();
  const made = await navigator.credentials[form.dataset.passkey](asked(await sent.json()));
  const said = (name, value) => put(form, `${form.dataset.prefix || ""}${name}`, value);
  said("id", made.id);
  said("client_data", textOf(made.response.clientDataJSON));
  if (made.response.attestationObject) said("attestation", textOf(made.response.attestationObject));
  if (made.response.signature) {
    said("authenticator_data", textOf(made.response.authenticatorData));
    said("signature", textOf(made.response.signature));
  }
  form.submit();
};

// A bare address can have no passkeys, in any browser.
const bare = /^[0-9.]+$|^\[/.test(location.hostname);
if (window.PublicKeyCredential && !bare) {
  document.querySelectorAll("[data-no-passkeys]").forEach((note) => note.remove());
  document.querySelectorAll("form[data-passkey]").forEach((form) => {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      answer(form).catch(() => form.querySelector("button").removeAttribute("aria-busy"));
    });
  });
}
